"""`metta-jax analyze`: a metric by policy and environment."""

from __future__ import annotations

import argparse
from typing import Any

from metta_jax.cli.parser import place
from metta_jax.cli.paths import database_errors, evaluation_database
from metta_jax.cli.stats import print_table


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("analyze", help="a table of a metric by policy and environment, from a database")
    parser.add_argument("database", type=place, help="what `eval --stats-db` wrote")
    parser.add_argument("--metric", default="reward", help="of agents (default: %(default)s)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from metta_jax.sim import EvalStatsDB

    path = evaluation_database("database", options.database)
    with database_errors("database", path), EvalStatsDB.from_uri(path) as db:
        known = [name for (name,) in db.rows("SELECT DISTINCT metric FROM agent_metrics ORDER BY metric")]
        if options.metric not in known:
            raise ValueError(f"--metric: {options.metric!r} is not in the database; there are {', '.join(known)}")
        found = db.metric_by_policy_eval(options.metric)
    rows = found if isinstance(found, list) else found.to_dict("records")  # pandas, if it is installed
    policies = list(dict.fromkeys(row["policy_uri"] for row in rows))
    names = list(dict.fromkeys(row["eval_name"] for row in rows))
    values = {(row["policy_uri"], row["eval_name"]): row["value"] for row in rows}
    print_table(["policy", *names], [(policy, *(values.get((policy, name)) for name in names)) for policy in policies])
