"""Where metrics go: one small interface, and several places at once."""

from __future__ import annotations

import contextlib
import math
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

LogFn: TypeAlias = Callable[[Mapping[str, Any], int], object]

STEP = "step"
_MAX_BITS = 1023  # whole numbers up to this size always fit a float
_UNSTORABLE = ("Cc", "Zl", "Zp")  # control characters, and what some readers take for line breaks


class Logger(ABC):
    """A place for metrics. Use it as a context manager, or call `close`.

    Values are numbers, texts, None (not known) or anything with `item()` (NumPy and JAX scalars).
    """

    @abstractmethod
    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Take one record: values by name after `step` agent steps. ValueError if one has the name "step"."""

    def forget_after(self, step: int) -> None:  # noqa: B027 - most loggers that are not files have nothing to forget
        """Delete the run's records of later steps, which a run that resumes at this step plays again."""

    def set_activity(self, what: str | None) -> None:  # noqa: B027 - only a screen shows it
        """Show what the run is doing instead of training; None: it trains again."""

    def close(self) -> None:
        """Everything that was logged is written. No `log` may follow; a second `close` does nothing."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class MultiLog(Logger):
    """Hand every record to several loggers, in their order; close all of them.

    Args:
      loggers: loggers, or plain functions `log(metrics, step)`: the way to trackers that are not built in.
    """

    def __init__(self, *loggers: Logger | LogFn) -> None:
        self._loggers = [entry for entry in loggers if isinstance(entry, Logger)]
        self._functions = [entry.log if isinstance(entry, Logger) else entry for entry in loggers]
        self._closing = contextlib.ExitStack()
        # In reverse, as the stack closes the last one first.
        for entry in reversed(loggers):
            if isinstance(entry, Logger):
                self._closing.callback(entry.close)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Convert the values once and pass them on."""
        plain = plain_values(metrics)
        for function in self._functions:
            function(plain, int(step))

    def forget_after(self, step: int) -> None:
        """Pass the request to all loggers; functions have nothing to forget."""
        for entry in self._loggers:
            entry.forget_after(step)

    def set_activity(self, what: str | None) -> None:
        """Tell all loggers; functions are not told."""
        for entry in self._loggers:
            entry.set_activity(what)

    def close(self) -> None:
        """Close all loggers, even if one of them fails; its error is raised afterwards."""
        self._closing.close()


def plain_values(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics as Python numbers, texts and None. ValueError if one is called "step", which is the step itself."""
    if STEP in metrics:
        raise ValueError(f"metrics.{STEP}: is the name of the step itself; rename this metric")
    return {name: plain_value(value) for name, value in metrics.items()}


def storable(text: Any) -> str:
    """Text that every file and database accepts: on one line, with lone surrogates and control characters escaped."""
    text = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(repr(char)[1:-1] if unicodedata.category(char) in _UNSTORABLE else char for char in text)


def plain_value(value: Any) -> Any:
    """A NumPy or JAX scalar as a Python number; integers too large for a float as infinity; anything else unchanged."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return math.inf if value > 0 else -math.inf
    return value


def finite_number(value: Any) -> float | None:
    """The value as a float if it is a finite number, else None."""
    number = as_number(value)
    return number if number is not None and math.isfinite(number) else None


def as_number(value: Any) -> float | None:
    """The value as a float if it is a number (NaN and infinities too), else None."""
    value = plain_value(value)
    return float(value) if isinstance(value, (int, float)) else None
