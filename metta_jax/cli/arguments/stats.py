"""The arguments of `metta-jax stats`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import late, place

_EXAMPLES = """\
examples:
  metta-jax stats out/stats.duckdb                                      the tables, and how many rows they have
  metta-jax stats out/stats.duckdb "SELECT name, env FROM simulations"
  metta-jax stats out/stats.duckdb "SELECT * FROM episodes LIMIT 3" --json
  metta-jax stats out/stats.duckdb --merge out/stats.pending-0a1b2c3d.duckdb
"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("stats", help="SQL against a DuckDB database", epilog=_EXAMPLES)
    parser.add_argument("database", type=place, help="a file; without --merge it is only read")
    parser.add_argument("sql", nargs="?", help="a query (default: the list of tables)")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    parser.add_argument(
        "--merge", type=place, nargs="+", default=[], metavar="FILE", help="first add these evaluation databases"
    )
    parser.set_defaults(run=late("metta_jax.cli.stats"))
