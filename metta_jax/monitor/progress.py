"""The progress of a run: one live line on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

from rich.console import Console

from metta_jax.monitor.activity import Activity
from metta_jax.monitor.live_line import LiveLine
from metta_jax.monitor.numbers import format_count, format_time

_BLOCKS = "━╌"  # done, to do
_PLAIN_BLOCKS = "#."
_NUM_BLOCKS = 10  # leaves room for the rate on 80 columns
_FIRST = "reward"  # what people look for


class ProgressLine:
    """Show steps, the reward, the time left, speed and other metrics; before the first update, "compiling".

    On a terminal the line is redrawn in place. Elsewhere, and on terminals that cannot do that, a new line is printed
    at most every `log_interval_s` seconds, and at the end. It uses only characters that the output's encoding has. When
    the output fails (closed, a full disk, a pipe without a reader), nothing more is shown, and nothing is raised.

    Args:
      total_steps: where the run ends.
      start_step: where it begins; more than 0 after a resume.
      console: where to write; None: standard output.
      log_interval_s: seconds between lines when the output is not a terminal.
      clock: seconds, monotonic; for tests.
    """

    def __init__(
        self,
        total_steps: int,
        *,
        start_step: int = 0,
        console: Console | None = None,
        log_interval_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if total_steps < 1:
            raise ValueError(f"total_steps: {total_steps} is not at least 1")
        self._total_steps, self._clock = total_steps, clock
        self._last_time, self._last_step = clock(), start_step
        # The time left is judged from the first update on: what comes before it is compilation.
        self._first: tuple[float, int] | None = None
        self._metrics: Mapping[str, float] = {}
        self._rate = 0.0
        self._remaining: float | None = None
        self._activity = Activity(clock)
        self._line = LiveLine(self._text, console=console, log_interval_s=log_interval_s, clock=clock)
        self._blocks = _BLOCKS if self._line.can_show(_BLOCKS) else _PLAIN_BLOCKS
        if start_step < total_steps:  # otherwise there is nothing to compile
            self._line.wait_from_now()
            self.set_activity("compiling")

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show the state after `step` steps; `metrics` are shown in their order as `<name> <value>`, `reward` first."""
        now = self._clock()
        self._rate = (step - self._last_step) / max(now - self._last_time, 1e-9)
        self._last_time, self._last_step = now, step
        self._remaining = 0.0 if step >= self._total_steps else None
        is_first = self._first is None
        if self._first is None:
            self._first = now, step
        elif step > self._first[1]:
            self._remaining = max(self._total_steps - step, 0) * (now - self._first[0]) / (step - self._first[1])
        self._metrics = dict(metrics)
        self._activity.set(None)
        self._line.show(is_due=True if is_first else None)

    def set_activity(self, what: str | None) -> None:
        """Show what the run is doing instead of training, with its seconds, until the next update; None: nothing."""
        self._activity.show(what, self._line)

    def close(self) -> None:
        """Leave the last line standing."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _text(self) -> str:
        # The last update may go beyond the total: a whole batch is played. 100 % is only what has reached it.
        step, total = self._last_step, self._total_steps
        reached = min(max(step, 0), total)
        filled = _NUM_BLOCKS * reached // total
        parts = [
            f"{100 * reached // total:3}% {self._blocks[0] * filled}{self._blocks[1] * (_NUM_BLOCKS - filled)}",
            f"{format_count(step)}/{format_count(total)} steps",
        ]
        shown = [f"{name} {value:.3g}" for name, value in self._metrics.items()]
        if _FIRST in self._metrics:
            parts.append(shown.pop(list(self._metrics).index(_FIRST)))
        if activity := str(self._activity):
            return "  ".join([*parts, activity])
        left = "time left unknown" if self._remaining is None else f"{format_time(self._remaining)} left"
        return "  ".join([*parts, left, f"{format_count(self._rate)}/s", *shown])
