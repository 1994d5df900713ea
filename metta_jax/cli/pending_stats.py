"""Keeps statistics next to a database until it can be written, since another program may have it open."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metta_jax.cli.paths import database_errors, evaluation_database

WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # before each retry


class PendingStats:
    """Collect evaluation databases in a file, `<name>.pending-<token>.duckdb`, then add them to a database.

    Args:
      database: the file to add them to.
      sleep_fn: waits for a number of seconds; for tests.
    """

    def __init__(self, database: Path, *, sleep_fn: Callable[[float], None] = time.sleep) -> None:
        self.database = database
        self.path = database.with_name(f"{database.stem}.pending-{secrets.token_hex(4)}.duckdb")
        self._sleep_fn = sleep_fn

    def add(self, stats_db: Any) -> None:
        """Write the contents of an `EvalStatsDB` to the file."""
        stats_db.export(self.path)

    def deliver(self, waits_s: Sequence[float] = WAITS_S) -> None:
        """Add everything to the database and delete the file; retry for a while.

        Raises:
          ValueError: the database cannot be written; the file stays, and the message says how to add it.
        """
        if not self.path.exists():
            return
        problem: Exception | None = None
        for wait_s in (0.0, *waits_s):
            self._sleep_fn(wait_s)
            try:
                merge_into(self.database, [self.path])
            except (OSError, ValueError) as error:
                problem = error
            else:
                for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
                    path.unlink(missing_ok=True)
                return
        command = shlex.join(["metta-jax", "stats", os.fspath(self.database), "--merge", os.fspath(self.path)])
        raise ValueError(
            f"--stats-db: {problem}; the statistics are in {str(self.path)!r}; add them later with: {command}"
        )


def merge_into(database: Path, files: Sequence[Path]) -> None:
    """Add the contents of evaluation databases to another one. Raises ValueError or OSError that names the file."""
    from metta_jax.sim import EvalStatsDB  # loads DuckDB, a large library that few commands need

    for file in files:
        evaluation_database("--merge", file)
    with database_errors("database", database), EvalStatsDB(database) as db:
        for file in files:
            db.merge_in(file)
