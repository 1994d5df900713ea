"""Metrics in a table of a DuckDB database, for questions in SQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metta_jax.config.database_path import database_path
from metta_jax.monitor.logger import Logger, as_number, plain_values, storable

_CREATE = """
CREATE TABLE IF NOT EXISTS metrics (
    run VARCHAR NOT NULL, step BIGINT NOT NULL, name VARCHAR NOT NULL, value DOUBLE, text VARCHAR, time TIMESTAMP
)
"""
_INSERT = """
INSERT INTO metrics SELECT ?, ?, unnest(?::VARCHAR[]), unnest(?::DOUBLE[]), unnest(?::VARCHAR[]), ?
"""


class DuckDbLog(Logger):
    """Append metrics to the table `metrics` (run, step, name, value, text, time): a row per value.

    Numbers are in `value`, NaN and infinities too; texts in `text`; what is not known is null in both; `time` is UTC.
    Runs take turns with a database: while it is open for writing no other process can open it. As a wide
    table:

        PIVOT (SELECT step, name, value FROM metrics WHERE run = 'a') ON name USING first(value) GROUP BY step

    Args:
      path: of the database; made if it is not there.
      run: name of the run.

    Raises:
      ValueError: a path that DuckDB would misread.
    """

    def __init__(self, path: str | os.PathLike[str], run: str = "run") -> None:
        import duckdb

        database = database_path("path", path)
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.run = storable(run)
        self._database = duckdb.connect(database)
        # More would compete with the training for the processor, for a handful of rows.
        self._database.execute("SET threads = 1")
        self._database.execute(_CREATE)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write one record in a transaction of its own."""
        if not metrics:
            return
        plain = plain_values(metrics)
        numbers = [as_number(value) for value in plain.values()]
        texts = [storable(value) if isinstance(value, str) else None for value in plain.values()]
        now = datetime.now(UTC).replace(tzinfo=None)
        # One statement for all values: a row at a time costs a millisecond each.
        self._database.execute(_INSERT, [self.run, int(step), list(map(storable, plain)), numbers, texts, now])

    def forget_after(self, step: int) -> None:
        """Delete this run's rows of later steps."""
        self._database.execute("DELETE FROM metrics WHERE run = ? AND step > ?", [self.run, int(step)])

    def close(self) -> None:
        """Close the database."""
        self._database.close()
