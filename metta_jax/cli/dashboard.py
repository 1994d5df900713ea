"""`metta-jax dashboard`: a database of evaluations as one JSON document, for pages that show it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from metta_jax.cli.parser import place
from metta_jax.cli.paths import database_errors, evaluation_database, writable_file

_DESCRIPTION = """\
Writes {"policy_evals": [...]}, an object for each policy and evaluation: policy_key, policy_version, eval_name (the
environment), suite, replay_url (the newest, or null), group_num_agents (agents of each group in all episodes together)
and policy_eval_metrics (metric, group_id, sum_value over those agents). The mean of a metric is its sum divided by the
number of agents: who lacks a metric counts as 0.
"""
_KEY = "policy_key, policy_version, sim_suite, sim_env"
_REPLAYS = f"""
    SELECT {_KEY}, arg_max(e.replay_url, (e.created_at, e.id)) FILTER (WHERE e.replay_url IS NOT NULL)
    FROM policy_simulation_agent_samples s JOIN episodes e ON e.id = s.episode_id
    GROUP BY ALL ORDER BY ALL
"""
_GROUPS = f"""
    SELECT {_KEY}, g.group_id, COUNT(*)
    FROM policy_simulation_agent_samples s
    JOIN agent_groups g ON g.episode_id = s.episode_id AND g.agent_id = s.agent_id
    GROUP BY ALL ORDER BY ALL
"""
_METRICS = f"""
    SELECT {_KEY}, m.metric, g.group_id, SUM(CAST(m.value AS DOUBLE))
    FROM policy_simulation_agent_samples s
    JOIN agent_groups g ON g.episode_id = s.episode_id AND g.agent_id = s.agent_id
    JOIN agent_metrics m ON m.episode_id = s.episode_id AND m.agent_id = s.agent_id
    GROUP BY ALL ORDER BY ALL
"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser(
        "dashboard", help="the evaluations of a database as one JSON document", description=_DESCRIPTION
    )
    parser.add_argument("database", type=place, help="what `eval --stats-db` wrote; it is only read")
    parser.add_argument("--out", type=place, help="the file (default: it is printed)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import duckdb

    path = evaluation_database("database", options.database)
    with database_errors("database", path), duckdb.connect(str(path), read_only=True) as connection:
        evals = _policy_evals(connection)
    text = json.dumps({"policy_evals": evals}, indent=1)
    if options.out is None:
        print(text)
    else:
        writable_file("--out", options.out).write_text(text + "\n", encoding="utf-8")
        print(options.out)


def _policy_evals(connection: Any) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key, version, suite, env, replay_url in connection.execute(_REPLAYS).fetchall():
        found[key, version, suite, env] = {
            "policy_key": key,
            "policy_version": version,
            "eval_name": env,
            "suite": suite,
            "replay_url": replay_url,
            "group_num_agents": {},
            "policy_eval_metrics": [],
        }
    for *where, group, count in connection.execute(_GROUPS).fetchall():
        found[tuple(where)]["group_num_agents"][str(group)] = count
    for *where, metric, group, total in connection.execute(_METRICS).fetchall():
        found[tuple(where)]["policy_eval_metrics"].append({"metric": metric, "group_id": group, "sum_value": total})
    return list(found.values())
