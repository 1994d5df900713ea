"""Metrics as a table of comma-separated values, for spreadsheets."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.line_file import open_for_append
from metta_jax.monitor.logger import Logger, plain_values

_STEP = "step"


class CsvLog(Logger):
    """Appends metrics to a CSV file: a column per name, a row per record, empty cells for what a record lacks.

    A name that was not there before becomes a new last column. For that the file is written anew beside itself and
    then replaces the old one, so a crash leaves one of the two. Names appear within the first records of a run; for
    files of many thousand rows whose names keep changing take JSON lines.

    Raises:
      ValueError: the file at `path` has another first column than `step`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = open_for_append(self.path)
        self._columns = _header(self.path)
        if self._columns and self._columns[0] != _STEP:
            self._file.close()
            raise ValueError(f"{path}: the first column is {self._columns[0]!r}, not {_STEP!r}: no metrics")

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Writes one row, at once."""
        row = {_STEP: int(step), **plain_values(metrics)}
        new = [name for name in row if name not in self._columns]
        if new:
            self._add_columns(new)
        self._write(self._file, [row.get(name) for name in self._columns])
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _add_columns(self, names: list[str]) -> None:
        self._file.close()
        columns = [*self._columns, *names]
        temporary = self.path.with_name(f".{self.path.name}.new")
        with (
            self.path.open(encoding="utf-8", newline="") as old,
            temporary.open("w", encoding="utf-8", newline="") as new,
        ):
            rows = csv.reader(old)
            next(rows, None)
            self._write(new, columns)
            for row in rows:
                self._write(new, [*row, *[None] * (len(columns) - len(row))])
        os.replace(temporary, self.path)
        self._columns = columns
        self._file = open_for_append(self.path)

    @staticmethod
    def _write(file: Any, cells: list[Any]) -> None:
        csv.writer(file, lineterminator="\n").writerow(cells)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])
