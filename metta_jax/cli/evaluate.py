"""`metta-jax eval`: scores of policies in a suite, as JSON."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping
from typing import Any

import jax
from rich.console import Console

from metta_jax.agent.device import device_name
from metta_jax.cli.arguments.evaluate import END, START
from metta_jax.cli.paths import database_errors, database_file, writable_directory, writable_file
from metta_jax.cli.pending_stats import PendingStats
from metta_jax.config import SimulationSuiteConfig
from metta_jax.config.database_path import database_path
from metta_jax.monitor import ActivityLine
from metta_jax.store import PolicyRecord, PolicyStore
from metta_jax.worlds.suites import get_suite


def run(options: argparse.Namespace) -> None:
    from metta_jax.sim import EvalStatsDB

    suite = _suite(options)
    store = PolicyStore({"device": options.device and device_name(options.device)})
    # All are found before the first is played.
    found = [(uri, store.policy_records(uri, options.selector, metric=options.metric)) for uri in options.policies]
    if options.replay_dir is not None:
        writable_directory("--replay-dir", options.replay_dir)
    if options.stats_db is not None:
        database_path("--stats-db", options.stats_db)
        writable_file("--stats-db", options.stats_db)
        if options.stats_db.exists():
            database_file("--stats-db", options.stats_db)
            with database_errors("--stats-db", options.stats_db):
                EvalStatsDB.from_uri(options.stats_db).close()
    pending = None if options.stats_db is None else PendingStats(options.stats_db)
    policies: list[dict[str, Any]] = []
    is_complete = False
    try:
        for uri, records in found:
            checkpoints: list[Mapping[str, Any]] = []
            policies.append({"policy_uri": uri, "checkpoints": checkpoints})
            for record in records:
                checkpoints.append(_played(record, suite, store, options, pending))
        is_complete = True
    finally:
        # Scores come first, even if the evaluation was interrupted or failed partway.
        if is_complete or any(policy["checkpoints"] for policy in policies):
            print(START)
            print(json.dumps({"simulation_suite": suite.name, "policies": policies}, indent=2))
            print(END, flush=True)
        if pending is not None:
            _deliver(pending, is_complete)


def _deliver(pending: PendingStats, is_complete: bool) -> None:
    if is_complete:
        pending.deliver()
        return
    try:
        pending.deliver(waits_s=())
    except ValueError as error:  # another error is already propagating
        warnings.warn(str(error), stacklevel=2)


def _played(
    record: PolicyRecord,
    suite: SimulationSuiteConfig,
    store: PolicyStore,
    options: argparse.Namespace,
    pending: PendingStats | None,
) -> Mapping[str, Any]:
    from metta_jax.sim import SimulationSuite

    simulations = SimulationSuite(
        suite,
        record,
        store,
        device=options.device,
        replay_dir=options.replay_dir,
        replay_base_url=options.replay_base_url,
        key=jax.random.key(options.seed),
        greedy=options.greedy,
    )
    with (
        ActivityLine(Console(stderr=True, highlight=False)) as line,
        simulations.simulate(lambda which: line.set_activity(f"{record.run_name} in {which}")) as results,
    ):
        if pending is not None:
            _keep(pending, results.stats_db)
        scores, urls = results.scores, results.replay_urls or {}
    metrics = {
        "reward_avg": scores.avg_simulation_score,
        "reward_avg_category_normalized": scores.avg_category_score,
        "detailed": scores.to_metrics(),
    }
    first_url = next((url for urls in urls.values() for url in urls), None)
    return {"name": record.run_name, "uri": record.uri, "metrics": metrics, "replay_url": first_url}


def _keep(pending: PendingStats, stats_db: Any) -> None:
    try:
        with database_errors("--stats-db", pending.path):
            pending.add(stats_db)
    except (OSError, ValueError) as error:  # a full disk; the scores must still be printed
        warnings.warn(f"the statistics of one policy are lost: {error}", stacklevel=2)


def _suite(options: argparse.Namespace) -> SimulationSuiteConfig:
    given = {"num_episodes": options.num_episodes, "max_time_s": options.max_time_s}
    given = {name: value for name, value in given.items() if value is not None}
    if options.world is None:
        return get_suite(options.suite or "guide", **given)
    from metta_jax.sim.one_liners import simulations_in

    simulations = simulations_in(options.world)
    defaults = {"num_episodes": 1, "max_time_s": 60}
    return SimulationSuiteConfig.model_validate({"name": "worlds", "simulations": simulations, **defaults, **given})
