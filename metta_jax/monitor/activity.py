"""What a program is doing, and for how long, while it has nothing else to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console

from metta_jax.monitor.live_line import LiveLine
from metta_jax.monitor.numbers import format_time


class Activity:
    """A text and the seconds since it was set: `compiling: 12 sec`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what: tuple[str, float] | None = None  # replaced as a whole: another thread may read it

    def set(self, what: str | None) -> None:
        """Set the current activity; None: nothing."""
        self._what = None if what is None else (what, self._clock())

    def show(self, what: str | None, line: LiveLine) -> None:
        """Set the current activity and draw the line that has it, every second as long as it lasts."""
        self.set(what)
        line.show()
        if what is not None:
            line.keep_showing()

    def __str__(self) -> str:
        if self._what is None:
            return ""
        what, since = self._what
        return f"{what}: {format_time(self._clock() - since)}"


class ActivityLine:
    """Show an activity and its seconds while it lasts, as a context manager; a terminal is cleared afterwards.

    Args:
      console: where to write, such as `Console(stderr=True)`.
      log_interval_s: seconds between lines if the output is not a terminal; shorter activities are not shown there.
    """

    def __init__(
        self,
        console: Console,
        *,
        log_interval_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._activity = Activity(clock)
        self._line = LiveLine(
            self._activity.__str__, console=console, log_interval_s=log_interval_s, clock=clock, is_transient=True
        )
        self._line.wait_from_now()

    def set_activity(self, what: str | None) -> None:
        """Set the current activity; None: nothing."""
        self._activity.show(what, self._line)

    def close(self) -> None:
        """Erase the line."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
