"""Where metrics go: one small interface, and several places at once."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

LogFn: TypeAlias = Callable[[Mapping[str, Any], int], object]


class Logger(ABC):
    """A place for metrics. Use it as a context manager, or call `close`.

    Values are numbers, texts, None (not known) or anything with `item()` (NumPy and JAX scalars).
    """

    @abstractmethod
    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Takes one record: values by name after `step` agent steps."""

    def close(self) -> None:
        """Everything that was logged is written. No `log` may follow; a second `close` does nothing."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MultiLog(Logger):
    """Hands every record to several loggers, in their order; closes all of them.

    Args:
      loggers: loggers, or plain functions `log(metrics, step)`: the way to trackers that are not built in.
    """

    def __init__(self, *loggers: Logger | LogFn) -> None:
        self._functions = [entry.log if isinstance(entry, Logger) else entry for entry in loggers]
        self._closing = contextlib.ExitStack()
        # In reverse, as the stack closes the last one first.
        for entry in reversed(loggers):
            if isinstance(entry, Logger):
                self._closing.callback(entry.close)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Converts the values once, then hands them on."""
        plain = plain_values(metrics)
        for function in self._functions:
            function(plain, int(step))

    def close(self) -> None:
        """Closes all loggers, also if one of them fails; its error is raised afterwards."""
        self._closing.close()


def plain_values(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics as Python numbers, texts and None."""
    return {name: plain_value(value) for name, value in metrics.items()}


def plain_value(value: Any) -> Any:
    """A NumPy or JAX scalar as a Python number; anything else as it is."""
    return value.item() if hasattr(value, "item") else value


def finite_number(value: Any) -> float | None:
    """The value as a float if it is a finite number, else None."""
    number = as_number(value)
    return number if number is not None and math.isfinite(number) else None


def as_number(value: Any) -> float | None:
    """The value as a float if it is a number (NaN and infinities too), else None."""
    value = plain_value(value)
    return float(value) if isinstance(value, (int, float)) else None
