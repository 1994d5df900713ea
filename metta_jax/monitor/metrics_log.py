"""Metrics as JSON lines: one object a line, appended, readable while a run is still writing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class JsonLinesLog:
    """Appends metrics to a file; use as a context manager, or call `close`.

    Every record is one line with the key `step` and the given ones. Numbers that JSON cannot write (NaN, infinities)
    become null.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8")

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Writes one record; values are numbers, strings or anything with `item()` (NumPy and JAX scalars)."""
        record = {"step": int(step), **{key: _plain(value) for key, value in metrics.items()}}
        self._file.write(json.dumps(record, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; further calls of `log` are errors."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
