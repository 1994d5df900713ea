"""How long things take: named timers with marks, thread-safe, savable as JSON."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from metta_jax.monitor.numbers import format_time

P = ParamSpec("P")
R = TypeVar("R")

GLOBAL = "global"
_FORMAT = 1


@dataclass
class _Timer:
    """Seconds of finished intervals, the running one's start, and marks (name, elapsed seconds, steps)."""

    total: float = 0.0
    started: float | None = None
    last: float = 0.0
    lap_counter: int = 0
    marks: list[tuple[str, float, int]] = field(default_factory=lambda: [("start", 0.0, 0)])
    files: list[str] = field(default_factory=list)

    def elapsed(self, now: float) -> float:
        return self.total + (now - self.started if self.started is not None else 0.0)


class Stopwatch:
    """Named timers. The timer "global" always exists; a name of None means it.

    Times are wall-clock seconds. Wait for arrays (`jax.block_until_ready`) before a timer is stopped: a call that
    returns has not finished its work.

    Args:
      logger: for warnings and progress.
      max_laps: how many laps are remembered per timer.
      clock: monotonic seconds; for tests.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        max_laps: int = 4,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if max_laps < 1:
            raise ValueError(f"max_laps: {max_laps} is not at least 1")
        self._logger = logger or logging.getLogger(__name__)
        self._max_laps = max_laps
        self._clock = clock
        self._lock = threading.RLock()
        self._timers: dict[str, _Timer] = {GLOBAL: _Timer()}

    # -- running ----------------------------------------------------------------------------------------------------

    def start(self, name: str | None = None) -> None:
        """Start a timer; warn if it is running."""
        with self._lock:
            timer = self._timer(name)
            self._note_caller(timer)
            if timer.started is not None:
                self._logger.warning("Timer '%s' already running", name or GLOBAL)
                return
            timer.started = self._clock()

    def stop(self, name: str | None = None) -> float:
        """Stop a timer and return the seconds since its start; warn and return 0.0 if it is not running."""
        with self._lock:
            timer = self._timer(name)
            if timer.started is None:
                self._logger.warning("Timer '%s' not running", name or GLOBAL)
                return 0.0
            timer.last = self._clock() - timer.started
            timer.total += timer.last
            timer.started = None
            return timer.last

    @contextlib.contextmanager
    def time(self, name: str | None = None, log_level: int | None = None) -> Generator[None]:
        """Time a block; with a level logs `<name> took 1.234s`."""
        self.start(name)
        try:
            yield
        finally:
            seconds = self.stop(name)
            if log_level is not None:
                self._logger.log(log_level, "%s took %.3fs", name or GLOBAL, seconds)

    def stopwatch(
        self, name: str | None = None, log_level: int | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Another name of `time`."""
        return self.time(name, log_level)

    def reset(self, name: str | None = None) -> None:
        """The timer as if it had never run."""
        with self._lock:
            self._timers[name or GLOBAL] = _Timer()

    def reset_all(self) -> None:
        """Every timer as if it had never run."""
        with self._lock:
            self._timers = {name: _Timer() for name in self._timers}

    # -- marks ------------------------------------------------------------------------------------------------------

    def checkpoint(self, steps: int | None = None, checkpoint_name: str | None = None, name: str | None = None) -> None:
        """Mark the elapsed time and a step count; without `steps` the timer counts its own marks."""
        with self._lock:
            timer = self._timer(name)
            timer.lap_counter += 1
            mark = (
                checkpoint_name or f"lap_{timer.lap_counter}",
                timer.elapsed(self._clock()),
                timer.lap_counter if steps is None else steps,
            )
            timer.marks = [*timer.marks, mark][-(self._max_laps + 1) :]

    def checkpoint_all(self, steps: int | None = None, checkpoint_name: str | None = None) -> None:
        """`checkpoint` for every timer."""
        with self._lock:
            for name in self._timers:
                self.checkpoint(steps, checkpoint_name, name)

    def lap(self, steps: int | None = None, name: str | None = None) -> float:
        """Seconds since the last mark; sets a new one."""
        with self._lock:
            seconds = self.get_elapsed(name) - self._timer(name).marks[-1][1]
            self.checkpoint(steps, name=name)
            return seconds

    def lap_all(self, steps: int | None = None, exclude_global: bool = True) -> dict[str, float]:
        """`lap` for every timer."""
        with self._lock:
            laps = {name: self.lap(steps, name) for name in self._timers}
            return {name: seconds for name, seconds in laps.items() if not (exclude_global and name == GLOBAL)}

    # -- reading ----------------------------------------------------------------------------------------------------

    def get_elapsed(self, name: str | None = None) -> float:
        """Seconds in all, the running interval included."""
        with self._lock:
            return self._timer(name).elapsed(self._clock())

    def get_last_elapsed(self, name: str | None = None) -> float:
        """Seconds of the running interval, or of the last one."""
        with self._lock:
            timer = self._timer(name)
            return timer.last if timer.started is None else self._clock() - timer.started

    def get_all_elapsed(self, exclude_global: bool = True) -> dict[str, float]:
        """`get_elapsed` of every timer."""
        with self._lock:
            names = [name for name in self._timers if not (exclude_global and name == GLOBAL)]
            return {name: self.get_elapsed(name) for name in names}

    def get_rate(self, steps: int, name: str | None = None) -> float:
        """Steps per second of the whole time; 0.0 before any time has passed."""
        return _ratio(steps, self.get_elapsed(name))

    def get_lap_rate(self, steps: int | None = None, name: str | None = None) -> float:
        """Steps per second since the last mark; without `steps` between the last two marks."""
        with self._lock:
            marks = self._timer(name).marks
            if steps is not None:
                return _ratio(steps - marks[-1][2], self.get_elapsed(name) - marks[-1][1])
            seconds, count = self.get_lap_time(name=name), self.get_lap_steps(name=name)
            return _ratio(count or 0, seconds or 0.0)

    def get_lap_time(self, lap_index: int = -1, name: str | None = None) -> float | None:
        """Seconds of a finished lap, -1 the last one; None if it is not remembered."""
        pair = self._lap(lap_index, name)
        return None if pair is None else pair[1][1] - pair[0][1]

    def get_lap_steps(self, lap_index: int = -1, name: str | None = None) -> int | None:
        """Steps of a finished lap, -1 the last one; None if it is not remembered."""
        pair = self._lap(lap_index, name)
        return None if pair is None else pair[1][2] - pair[0][2]

    def estimate_remaining(self, current: int, total: int, name: str | None = None) -> tuple[float, str]:
        """Seconds until `total` steps, and the same as text; (inf, "unknown") without a rate."""
        rate = self.get_rate(current, name)
        if rate <= 0:
            return float("inf"), "unknown"
        seconds = max(total - current, 0) / rate
        return seconds, self.format_time(seconds)

    def log_progress(self, current: int, total: int, name: str | None = None, prefix: str = "Progress") -> None:
        """Log `Progress: 50/100 [10 steps/sec] (50.00%) - 5 sec remaining`."""
        rate, (_, remaining) = self.get_rate(current, name), self.estimate_remaining(current, total, name)
        share = min(100 * _ratio(current, total), 100)  # the last update may go beyond the total
        self._logger.info(
            "%s: %d/%d [%.0f steps/sec] (%.2f%%) - %s remaining", prefix, current, total, rate, share, remaining
        )

    @staticmethod
    def format_time(seconds: float) -> str:
        """5 sec, 1.5 min, 2.0 hours, 1.5 days."""
        return format_time(seconds)

    def get_filename(self, name: str | None = None) -> str:
        """The file that starts the timer: its name, "multifile", or "unknown" if it was never started."""
        with self._lock:
            files = self._timer(name).files
            return files[0] if len(files) == 1 else "multifile" if files else "unknown"

    def get_summary(self, name: str | None = None) -> dict[str, Any]:
        """A timer as plain data."""
        with self._lock:
            timer = self._timer(name)
            return {
                "name": name or GLOBAL,
                "total_elapsed": self.get_elapsed(name),
                "last_elapsed": self.get_last_elapsed(name),
                "is_running": timer.started is not None,
                "checkpoints": [
                    {"name": mark, "elapsed": seconds, "steps": steps} for mark, seconds, steps in timer.marks
                ],
                "filename": self.get_filename(name),
            }

    def get_all_summaries(self) -> dict[str, dict[str, Any]]:
        """`get_summary` of every timer."""
        with self._lock:
            return {name: self.get_summary(name) for name in self._timers}

    # -- saving -----------------------------------------------------------------------------------------------------

    def save_state(self) -> dict[str, Any]:
        """All timers as JSON-able data; the running interval counts up to now."""
        with self._lock:
            now = self._clock()
            return {
                "format": _FORMAT,
                "timers": {
                    name: {
                        "total": timer.elapsed(now),
                        "running": timer.started is not None,
                        "last": timer.last,
                        "lap_counter": timer.lap_counter,
                        "marks": [list(mark) for mark in timer.marks],
                        "files": list(timer.files),
                    }
                    for name, timer in self._timers.items()
                },
            }

    def load_state(self, state: Mapping[str, Any], resume_running: bool = True) -> None:
        """Take the timers of `save_state`; those that were running run on, unless `resume_running` is False.

        Raises:
          ValueError: `Invalid state format`.
        """
        now = self._clock()
        try:
            if state["format"] != _FORMAT:
                raise ValueError
            timers = {
                name: _Timer(
                    total=float(saved["total"]),
                    started=now if saved["running"] and resume_running else None,
                    last=float(saved["last"]),
                    lap_counter=int(saved["lap_counter"]),
                    marks=[(str(mark), float(seconds), int(steps)) for mark, seconds, steps in saved["marks"]],
                    files=[str(file) for file in saved["files"]],
                )
                for name, saved in state["timers"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("Invalid state format") from None
        with self._lock:
            self._timers = {GLOBAL: _Timer(), **timers}

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _timer(self, name: str | None) -> _Timer:
        return self._timers.setdefault(name or GLOBAL, _Timer())

    def _lap(self, lap_index: int, name: str | None) -> tuple[tuple[str, float, int], tuple[str, float, int]] | None:
        with self._lock:
            marks = self._timer(name).marks
            if not -len(marks) < lap_index < 0:
                return None
            return marks[lap_index - 1], marks[lap_index]

    @staticmethod
    def _note_caller(timer: _Timer) -> None:
        frame = inspect.currentframe()
        # Skip this class and the machinery of context managers.
        while frame is not None and frame.f_globals.get("__name__") in (__name__, contextlib.__name__):
            frame = frame.f_back
        assert frame is not None
        file = frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
        if file not in timer.files:
            timer.files.append(file)


def with_timer(stopwatch: Stopwatch, name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: times every call of a function."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with stopwatch.time(name):
                return function(*args, **kwargs)

        return timed

    return decorate


def with_instance_timer(name: str, timer_attr: str = "timer") -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorator for methods: times every call with the stopwatch that the object has as `timer_attr`."""

    def decorate(method: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(method)
        def timed(self: Any, *args: Any, **kwargs: Any) -> R:
            with getattr(self, timer_attr).time(name):
                return method(self, *args, **kwargs)

        return timed

    return decorate


def _ratio(count: float, whole: float) -> float:
    return count / whole if whole > 0 else 0.0
