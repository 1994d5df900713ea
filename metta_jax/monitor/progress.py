"""The progress of a run: one live line on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text


class ProgressLine:
    """Shows steps, speed, chosen metrics and the time left.

    On a terminal the line is redrawn in place. Elsewhere a new line is printed at most every `log_interval_s` seconds,
    and at the end.

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
        self._total_steps = total_steps
        self._console = Console(highlight=False) if console is None else console
        self._log_interval_s = log_interval_s
        self._clock = clock
        self._last_time, self._last_step = clock(), start_step
        # The time left is judged from the first update on: what comes before it is compilation.
        self._first: tuple[float, int] | None = None
        self._last_printed = -float("inf")
        self._text = ""
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        if self._live is not None:
            self._live.start()

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the state after `step` steps; `metrics` are shown in their order as `<name> <value>`."""
        now = self._clock()
        rate = (step - self._last_step) / max(now - self._last_time, 1e-9)
        self._last_time, self._last_step = now, step
        remaining = 0.0 if step >= self._total_steps else None
        if self._first is None:
            self._first = now, step
        elif step > self._first[1]:
            remaining = max(self._total_steps - step, 0) * (now - self._first[0]) / (step - self._first[1])
        self._text = _line(step, self._total_steps, rate, metrics, remaining)
        if self._live is not None:
            self._live.update(Text(self._text, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif now - self._last_printed >= self._log_interval_s:
            self._print(now)

    def close(self) -> None:
        """Leaves the last line standing."""
        if self._live is not None:
            self._live.stop()
        elif self._text:
            self._print(self._clock())

    def _print(self, now: float) -> None:
        self._last_printed = now
        self._console.print(Text(self._text), soft_wrap=True)
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def format_count(value: float) -> str:
    """A short number: 950, 12.3k, 4.56M, 1.20B."""
    for limit, divisor, suffix in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if abs(value) < limit:
            scaled = value / divisor
            return (
                f"{scaled:.0f}" if not suffix else f"{scaled:.1f}{suffix}" if suffix == "k" else f"{scaled:.2f}{suffix}"
            )
    return f"{value / 1e9:.2f}B"


def format_time(seconds: float) -> str:
    """A short duration: 5 sec, 1.5 min, 2.0 hours, 1.5 days."""
    if seconds < 60:
        return f"{seconds:.0f} sec"
    for limit, divisor, unit in ((3600, 60, "min"), (86400, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / divisor:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"


def _line(step: int, total: int, rate: float, metrics: Mapping[str, float], remaining: float | None) -> str:
    # The last update may go beyond the total: a whole batch is played. 100 % is only what has reached it.
    reached = min(max(step, 0), total)
    filled = 20 * reached // total
    parts = [
        f"{100 * reached // total:3}% {'━' * filled}{'╌' * (20 - filled)}",
        f"{format_count(step)}/{format_count(total)} steps",
        f"{format_count(rate)}/s",
        *(f"{name} {value:.3g}" for name, value in metrics.items()),
        "time left unknown" if remaining is None else f"{format_time(remaining)} left",
    ]
    return "  ".join(parts)
