"""Metrics as JSON lines: one object a line, appended, readable while a run is still writing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.line_file import keep_lines, open_for_append
from metta_jax.monitor.logger import STEP, Logger, plain_values


class JsonLinesLog(Logger):
    """Append metrics to a file.

    Every record is one line with the key `step` and the given ones. Numbers that JSON cannot write (NaN, infinities)
    become null. Half a line that a killed run left is removed first.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = open_for_append(self.path)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write one record, at once."""
        record = {STEP: int(step), **{key: _finite_or_none(value) for key, value in plain_values(metrics).items()}}
        self._file.write(json.dumps(record, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; further calls of `log` are errors."""
        self._file.close()

    def forget_after(self, step: int) -> None:
        """Delete the lines of later steps."""
        self._file.close()
        forget_records_after(self.path, step)
        self._file = open_for_append(self.path)


def read_json_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read what `JsonLinesLog` wrote; a last line that was cut off (a killed run) is left out.

    Raises:
      ValueError: a line other than the last is not JSON; names it.
    """
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}: line {number} is not JSON: {error}") from None
    return records


def forget_records_after(path: str | os.PathLike[str], step: int) -> None:
    """Delete the lines of a file of `JsonLinesLog` that are of later steps.

    A run that was killed resumes from its last checkpoint and plays the steps after it again.

    Raises:
      ValueError: a line other than the last is not JSON; names it.
    """
    path = Path(path)
    if not path.exists():
        return
    read_json_lines(path)  # raises, so that a file of some other kind does not lose its lines

    def is_kept(line: bytes) -> bool:
        try:
            return json.loads(line)[STEP] <= step
        except ValueError:
            return False  # half a line, of a run that was killed

    keep_lines(path, is_kept)


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
