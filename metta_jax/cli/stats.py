"""`metta-jax stats`: SQL against a database of an evaluation or of a run's metrics."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from metta_jax.cli.parser import place
from metta_jax.cli.paths import database_errors, database_file

_EXAMPLES = """\
examples:
  metta-jax stats out/stats.duckdb                                      the tables, and how many rows they have
  metta-jax stats out/stats.duckdb "SELECT name, env FROM simulations"
  metta-jax stats out/stats.duckdb "SELECT * FROM episodes LIMIT 3" --json
"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("stats", help="SQL against a DuckDB database", epilog=_EXAMPLES)
    parser.add_argument("database", type=place, help="a file; it is only read")
    parser.add_argument("sql", nargs="?", help="a query (default: the list of tables)")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import duckdb

    database_file("database", options.database)
    with (
        database_errors("database", options.database),
        duckdb.connect(str(options.database), read_only=True) as connection,
    ):
        names, rows = _tables(connection) if options.sql is None else _query(connection, options.sql)
    if options.json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str))
    else:
        print_table(names, rows)


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as they need be, numbers at the right."""
    cells = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    is_number = [all(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]
    is_number = is_number or [False] * len(names)
    for row in [list(names), *cells]:
        parts = zip(row, widths, is_number, strict=True)
        print("  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in parts).rstrip())


def _query(connection: Any, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = connection.execute(sql)
    if cursor is None:  # nothing but spaces and comments
        raise ValueError(f"sql: {sql!r} is no query")
    return [column[0] for column in cursor.description or ()], cursor.fetchall()


def _tables(connection: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    _, found = _query(connection, "SELECT table_name, table_type FROM information_schema.tables ORDER BY ALL")
    counts = [_query(connection, f'SELECT COUNT(*) FROM "{name}"')[1][0][0] for name, _ in found]
    rows = [
        (name, "view" if kind == "VIEW" else "table", rows) for (name, kind), rows in zip(found, counts, strict=True)
    ]
    return ["name", "kind", "rows"], rows


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
