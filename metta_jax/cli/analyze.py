"""`metta-jax analyze`: a metric by policy and environment."""

from __future__ import annotations

import argparse

from metta_jax.cli.paths import database_errors, evaluation_database
from metta_jax.cli.stats import print_table


def run(options: argparse.Namespace) -> None:
    from metta_jax.core.hints import suggestion
    from metta_jax.sim import EvalStatsDB

    path = evaluation_database("database", options.database)
    with database_errors("database", path), EvalStatsDB.from_uri(path) as db:
        known = [name for (name,) in db.rows("SELECT DISTINCT metric FROM agent_metrics ORDER BY metric")]
        if options.metric not in known:
            sql = "SELECT DISTINCT metric FROM agent_metrics ORDER BY metric"
            some = ", ".join(known) if len(known) <= 12 else f"{len(known)} others: metta-jax stats {path} {sql!r}"
            hint = suggestion(options.metric, known)
            raise ValueError(f"--metric: {options.metric!r} is not in the database{hint}; there are {some}")
        found = db.metric_by_policy_eval(options.metric)
    rows = found if isinstance(found, list) else found.to_dict("records")  # pandas, if it is installed
    policies = list(dict.fromkeys(row["policy_uri"] for row in rows))
    names = list(dict.fromkeys(row["eval_name"] for row in rows))
    values = {(row["policy_uri"], row["eval_name"]): row["value"] for row in rows}
    print_table(["policy", *names], [(policy, *(values.get((policy, name)) for name in names)) for policy in policies])
