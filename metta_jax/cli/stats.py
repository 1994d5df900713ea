"""`metta-jax stats`: SQL against a database of an evaluation or of a run's metrics."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any

from metta_jax.cli.paths import database_errors, database_file, writable_file
from metta_jax.cli.pending_stats import merge_into
from metta_jax.monitor.logger import storable


def run(options: argparse.Namespace) -> None:
    import duckdb

    if options.merge:
        if options.database.exists():
            database_file("database", options.database)
        merge_into(writable_file("database", options.database), options.merge)
    database_file("database", options.database)
    with (
        database_errors("database", options.database),
        duckdb.connect(str(options.database), read_only=True) as connection,
    ):
        names, rows = _tables(connection) if options.sql is None else _query(connection, options.sql)
    if options.json:
        found = [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
        print(json.dumps(found, indent=1, allow_nan=False))
    else:
        print_table(names, rows)


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as they need be, numbers at the right."""
    names = [_text(name) for name in names]
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
    counts = [_query(connection, f"SELECT COUNT(*) FROM {_quoted(name)}")[1][0][0] for name, _ in found]
    rows = [
        (name, "view" if kind == "VIEW" else "table", rows) for (name, kind), rows in zip(found, counts, strict=True)
    ]
    return ["name", "kind", "rows"], rows


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else storable(value)


def _plain(value: Any) -> Any:
    """The value as JSON: NaN and infinities as null, names as strings; dates, bytes and anything else as text."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
