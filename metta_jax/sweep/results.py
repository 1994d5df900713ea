"""The results of a sweep as a DuckDB database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metta_jax.config.database_path import database_path
from metta_jax.sweep.slots import Attempt, last_attempts
from metta_jax.sweep.study import Sweep

_TABLES = {
    "trials": "study VARCHAR, slot INTEGER, state VARCHAR, score DOUBLE, attempts INTEGER, seconds DOUBLE, "
    "run_dir VARCHAR, error VARCHAR",
    "settings": "study VARCHAR, slot INTEGER, field VARCHAR, value DOUBLE, text VARCHAR",
    "reports": "study VARCHAR, slot INTEGER, part INTEGER, value DOUBLE",
    "importances": "study VARCHAR, field VARCHAR, importance DOUBLE",
}


def write_results(sweep: Sweep, path: Path) -> Path:
    """Write the trials of a sweep to a database, replacing earlier rows of the study, and return `path`.

    Tables: `trials`, one row per trial; `settings`, one row per trial and field, with numbers in `value` and everything
    as JSON in `text`; `reports`, the metric in each part of a run; `importances`. `seconds` is a total over attempts.

    Raises:
      ValueError: the file is not a DuckDB database, is in use, or has a path that DuckDB would misread.
    """
    import duckdb  # imported late: a large library

    attempts = sweep.attempts()
    last = last_attempts(attempts, sweep.num_trials)
    rows: dict[str, Sequence[tuple[Any, ...]]] = {
        "trials": [_trial_row(sweep, attempt, attempts) for attempt in last],
        "settings": [
            (sweep.name, attempt.slot, path, _number(value), json.dumps(value))
            for attempt in last
            for path, value in attempt.values.items()
        ],
        "reports": [
            (sweep.name, attempt.slot, part, value)
            for attempt in last
            for part, value in sorted(attempt.reports.items())
        ],
        "importances": [(sweep.name, field, share) for field, share in sweep.importances().items()],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with duckdb.connect(database_path("path", path)) as database:
            database.begin()
            for table, columns in _TABLES.items():
                database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
                database.execute(f"DELETE FROM {table} WHERE study = ?", [sweep.name])
                if rows[table]:
                    places = ", ".join("?" * len(rows[table][0]))
                    database.executemany(f"INSERT INTO {table} VALUES ({places})", rows[table])
            database.commit()
    except duckdb.Error as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}") from None
    return path


def _trial_row(sweep: Sweep, attempt: Attempt, attempts: Sequence[Attempt]) -> tuple[Any, ...]:
    same = [other for other in attempts if other.slot == attempt.slot]
    seconds = sum(other.seconds or 0.0 for other in same)
    run_dir = str(sweep.run_dir(attempt.slot))
    return (sweep.name, attempt.slot, attempt.state, attempt.score, len(same), seconds, run_dir, attempt.error or None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
