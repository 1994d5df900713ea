"""Metrics as JSON lines: one object a line, appended, readable while a run is still writing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.line_file import open_for_append
from metta_jax.monitor.logger import Logger, plain_value


class JsonLinesLog(Logger):
    """Appends metrics to a file.

    Every record is one line with the key `step` and the given ones. Numbers that JSON cannot write (NaN, infinities)
    become null. Half a line that a killed run left is removed first.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = open_for_append(self.path)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Writes one record, at once."""
        record = {"step": int(step), **{key: _plain(value) for key, value in metrics.items()}}
        self._file.write(json.dumps(record, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; further calls of `log` are errors."""
        self._file.close()


def read_json_lines(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Reads what `JsonLinesLog` wrote; a last line that was cut off (a killed run) is left out.

    Raises:
      ValueError: another line than the last is not JSON; names it.
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


def _plain(value: Any) -> Any:
    value = plain_value(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
