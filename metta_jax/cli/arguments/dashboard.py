"""The arguments of `metta-jax dashboard`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import late, place

_DESCRIPTION = """\
Writes the scores of policies by category and world as a single HTML file, and opens it.

With --json it prints {"policy_evals": [...]} instead, an object for each policy and evaluation: policy_key,
policy_version, eval_name (the environment), suite, replay_url (the newest, or null), group_num_agents (agents of each
group in all episodes together) and policy_eval_metrics (metric, group_id, sum_value over those agents). The mean of a
metric is its sum divided by the number of agents: an agent without the metric counts as 0.
"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "dashboard", help="show the evaluations in a database as a page, or JSON", description=_DESCRIPTION
    )
    parser.add_argument("database", type=place, help="what `eval --stats-db` wrote, or a run's directory")
    parser.add_argument("--out", type=place, help="the file (default: the database's name with .html; JSON is printed)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead, for your own pages")
    parser.add_argument("--no-open", action="store_true", help="only write the page")
    parser.set_defaults(run=late("metta_jax.cli.dashboard"))
