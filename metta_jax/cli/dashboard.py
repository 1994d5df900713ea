"""`metta-jax dashboard`: a database of evaluations as a page, or as JSON for other pages."""

from __future__ import annotations

import argparse
import json
from typing import Any

from metta_jax.cli.paths import database_errors, evaluation_database, writable_file
from metta_jax.viewer import open_viewer
from metta_jax.viewer.dashboard import dashboard_html

# The name of an evaluation: `sim_env`, its world, or `sim_name`, which starts with its category.
_REPLAYS = """
    SELECT policy_key, policy_version, sim_suite, {name},
        arg_max(e.replay_url, (e.created_at, e.id)) FILTER (WHERE e.replay_url IS NOT NULL)
    FROM policy_simulation_agent_samples s JOIN episodes e ON e.id = s.episode_id
    GROUP BY ALL ORDER BY ALL
"""
_GROUPS = """
    SELECT policy_key, policy_version, sim_suite, {name}, g.group_id, COUNT(*)
    FROM policy_simulation_agent_samples s
    JOIN agent_groups g ON g.episode_id = s.episode_id AND g.agent_id = s.agent_id
    GROUP BY ALL ORDER BY ALL
"""
_METRICS = """
    SELECT policy_key, policy_version, sim_suite, {name}, m.metric, g.group_id, SUM(CAST(m.value AS DOUBLE))
    FROM policy_simulation_agent_samples s
    JOIN agent_groups g ON g.episode_id = s.episode_id AND g.agent_id = s.agent_id
    JOIN agent_metrics m ON m.episode_id = s.episode_id AND m.agent_id = s.agent_id
    GROUP BY ALL ORDER BY ALL
"""


def run(options: argparse.Namespace) -> None:
    import duckdb

    path = evaluation_database("database", options.database)
    with database_errors("database", path), duckdb.connect(str(path), read_only=True) as connection:
        evals = _policy_evals(connection, "sim_env" if options.json else "sim_name")
    if options.json and options.out is None:
        print(_json(evals))
        return
    out = writable_file("--out", options.out or path.with_suffix(".html"))
    if options.json:
        out.write_text(_json(evals) + "\n", encoding="utf-8")
        print(out)
        return
    for found in evals:
        found["policy_name"] = _short_name(found["policy_key"], found["policy_version"])
    out.write_text(dashboard_html(evals, title=f"Evaluations in {path.name}"), encoding="utf-8")
    print(out)
    if not options.no_open and not open_viewer(out):
        print("No browser was found: open this page in one.")


def _json(evals: list[dict[str, Any]]) -> str:
    return json.dumps({"policy_evals": evals}, indent=1)


def _short_name(key: str, version: int) -> str:
    """`forage/model_0062` of `file:///out/forage/checkpoints/model_0062`; epochs of others after a colon."""
    parts = [part for part in key.removeprefix("file://").split("/") if part and part != "checkpoints"]
    name = "/".join(parts[-2:]) or key
    return name if name.endswith(f"_{version:04}") else f"{name}:{version}"


def _policy_evals(connection: Any, name: str) -> list[dict[str, Any]]:
    """Return an object for each policy and evaluation; `name` is the column that names evaluations."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, version, suite, env, replay_url in connection.execute(_REPLAYS.format(name=name)).fetchall():
        found[key, version, suite, env] = {
            "policy_key": key,
            "policy_version": version,
            "eval_name": env,
            "suite": suite,
            "replay_url": replay_url,
            "group_num_agents": {},
            "policy_eval_metrics": [],
        }
    for *where, group, count in connection.execute(_GROUPS.format(name=name)).fetchall():
        found[tuple(where)]["group_num_agents"][str(group)] = count
    for *where, metric, group, total in connection.execute(_METRICS.format(name=name)).fetchall():
        found[tuple(where)]["policy_eval_metrics"].append({"metric": metric, "group_id": group, "sum_value": total})
    return list(found.values())
