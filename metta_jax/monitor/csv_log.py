"""Metrics as a table of comma-separated values, for spreadsheets."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from metta_jax.monitor.line_file import open_for_append, replacing
from metta_jax.monitor.logger import STEP, Logger, plain_values, storable

_LONGEST_CELL = 100_000  # characters; many readers have a limit, Python's is 131,072


class CsvLog(Logger):
    """Append metrics to a CSV file: a column per name, a row per record, empty cells for what a record lacks.

    A name that was not there before becomes a new last column. For that the file is rewritten under a temporary name
    and then replaces the old one, so a crash leaves one of the two. Names appear within the first records of a run; for
    files of many thousand rows whose names keep changing take JSON lines. Texts are escaped to fit on one line, and cut
    off after 100,000 characters.

    Raises:
      ValueError: the file at `path` has another first column than `step`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = open_for_append(self.path)
        self._columns = _header(self.path)
        if self._columns and self._columns[0] != STEP:
            self._file.close()
            raise ValueError(f"{path}: the first column is {self._columns[0]!r}, not {STEP!r}: no metrics")

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write one row, at once."""
        row = {STEP: int(step), **{storable(name): _cell(value) for name, value in plain_values(metrics).items()}}
        new = [name for name in row if name not in self._columns]
        if new:
            self._add_columns(new)
        self._write(self._file, [row.get(name) for name in self._columns])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def forget_after(self, step: int) -> None:
        """Delete the rows of later steps."""
        self._file.close()
        with self._rewritten() as new:
            for number, row in enumerate(_rows(self.path)):
                if number == 0 or not _is_later(row, step):
                    new.write(row)
        self._file = open_for_append(self.path)

    def _add_columns(self, names: list[str]) -> None:
        self._file.close()
        columns = [*self._columns, *names]
        with self._rewritten() as new:
            self._write(new, columns)
            for number, row in enumerate(_rows(self.path)):
                if number > 0:
                    new.write(row.removesuffix("\n") + "," * len(names) + "\n")
        self._columns = columns
        self._file = open_for_append(self.path)

    @contextlib.contextmanager
    def _rewritten(self) -> Generator[IO[str]]:
        """A file to write, which then replaces the old one."""
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as new:
            yield new

    @staticmethod
    def _write(file: Any, cells: list[Any]) -> None:
        csv.writer(file, lineterminator="\n").writerow(cells)


def _header(path: Path) -> list[str]:
    return next(csv.reader([next(_rows(path), "")]), [])


def _rows(path: Path) -> Iterator[str]:
    """The rows as text. In files edited by other programs, a quoted cell may span several lines."""
    with path.open(encoding="utf-8", newline="") as file:
        row = ""
        for line in file:
            row += line
            if row.count('"') % 2 == 0:
                yield row
                row = ""
        if row:
            yield row


def _is_later(row: str, step: int) -> bool:
    try:
        return int(row.partition(",")[0]) > step
    except ValueError:
        return False


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else storable(value)[:_LONGEST_CELL]
