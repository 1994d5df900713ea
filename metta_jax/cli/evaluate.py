"""`metta-jax eval`: scores of policies in a suite, as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import jax

from metta_jax.cli.parser import place, seconds, seed, size
from metta_jax.cli.paths import database_errors, database_file, writable_directory, writable_file
from metta_jax.config import SimulationSuiteConfig
from metta_jax.store import PolicyRecord, PolicyStore
from metta_jax.worlds.suites import get_suite

START, END = "===JSON_OUTPUT_START===", "===JSON_OUTPUT_END==="

_DESCRIPTION = f"""\
Plays every simulation of a suite with each policy, and prints JSON between the lines {START} and
{END}:

  {{simulation_suite, policies: [{{policy_uri, checkpoints: [{{name, uri, metrics: {{reward_avg,
    reward_avg_category_normalized, detailed}}, replay_url}}]}}]}}

reward_avg is the mean over simulations, reward_avg_category_normalized the mean over categories."""

_EXAMPLES = """\
examples:
  metta-jax eval out/forage/checkpoints --suite guide
  metta-jax eval out/a/checkpoints out/b/checkpoints --world arena/basic simple --num-episodes 10
  metta-jax eval out/forage/checkpoints --selector all --suite navigation --stats-db out/stats.duckdb"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    for name in ("eval", "sim"):  # the second is the original's name for it
        parser = commands.add_parser(
            name,
            **({"help": "scores of policies in a suite, as JSON"} if name == "eval" else {}),
            description=_DESCRIPTION,
            epilog=_EXAMPLES,
        )
        parser.add_argument("policies", nargs="+", metavar="policy", help="a policy, or a directory of checkpoints")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--suite", help="see `metta-jax worlds suites` (default: guide)")
        what.add_argument("--world", nargs="+", help="these worlds instead of a suite")
        parser.add_argument("--num-episodes", type=size, help="of each simulation (default: the suite's)")
        parser.add_argument("--max-time-s", type=seconds, help="of each simulation (default: the suite's)")
        parser.add_argument(
            "--selector",
            choices=("latest", "top", "all", "rand"),
            default="latest",
            help="which of a directory's policies (default: %(default)s)",
        )
        parser.add_argument("--metric", default="score", help="what --selector top compares (default: %(default)s)")
        parser.add_argument("--stats-db", type=place, help="add everything to this DuckDB database")
        parser.add_argument("--replay-dir", type=place, help="write a replay of each episode")
        parser.add_argument("--replay-base-url", help="where others can load the files of --replay-dir")
        parser.add_argument("--seed", type=seed, default=0, help="of maps and actions (default: %(default)s)")
        parser.add_argument("--greedy", action="store_true", help="take the most probable actions")
        parser.add_argument("--device", help="(default: the best that there is)")
        parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from metta_jax.sim import EvalStatsDB

    suite = _suite(options)
    store = PolicyStore()
    # All are found before the first is played.
    found = [(uri, store.policy_records(uri, options.selector, metric=options.metric)) for uri in options.policies]
    if options.replay_dir is not None:
        writable_directory("--replay-dir", options.replay_dir)
    if options.stats_db is not None:
        writable_file("--stats-db", options.stats_db)
        if options.stats_db.exists():
            database_file("--stats-db", options.stats_db)
            with database_errors("--stats-db", options.stats_db):
                EvalStatsDB.from_uri(options.stats_db).close()
    policies = [
        {"policy_uri": uri, "checkpoints": [_played(record, suite, store, options) for record in records]}
        for uri, records in found
    ]
    print(START)
    print(json.dumps({"simulation_suite": suite.name, "policies": policies}, indent=2))
    print(END)


def _played(
    record: PolicyRecord, suite: SimulationSuiteConfig, store: PolicyStore, options: argparse.Namespace
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
    with simulations.simulate() as results:
        if options.stats_db is not None:
            with database_errors("--stats-db", options.stats_db):
                results.stats_db.export(options.stats_db)
        scores, urls = results.scores, results.replay_urls or {}
    metrics = {
        "reward_avg": scores.avg_simulation_score,
        "reward_avg_category_normalized": scores.avg_category_score,
        "detailed": scores.to_metrics(),
    }
    first_url = next((url for urls in urls.values() for url in urls), None)
    return {"name": record.run_name, "uri": record.uri, "metrics": metrics, "replay_url": first_url}


def _suite(options: argparse.Namespace) -> SimulationSuiteConfig:
    given = {"num_episodes": options.num_episodes, "max_time_s": options.max_time_s}
    given = {name: value for name, value in given.items() if value is not None}
    if options.world is None:
        return get_suite(options.suite or "guide", **given)
    simulations = {name: {"env": name} for name in options.world}
    defaults = {"num_episodes": 1, "max_time_s": 60}
    return SimulationSuiteConfig.model_validate({"name": "worlds", "simulations": simulations, **defaults, **given})
