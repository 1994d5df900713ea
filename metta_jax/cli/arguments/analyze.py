"""The arguments of `metta-jax analyze`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import late, place


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("analyze", help="a table of a metric by policy and environment, from a database")
    parser.add_argument("database", type=place, help="what `eval --stats-db` wrote, or a run's directory")
    parser.add_argument("--metric", default="reward", help="of agents (default: %(default)s)")
    parser.set_defaults(run=late("metta_jax.cli.analyze"))
