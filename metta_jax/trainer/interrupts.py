"""Turns control-C, and the signals by which other programs end a run, into a request to stop in good order."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, MethodType, TracebackType
from typing import Any, Self

import jax

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)  # the terminal is gone; Windows has no such signal
_SAME_S = 3.0  # one of several processes may get a signal twice, from its parent and from the cluster


class StopSignals:
    """A context manager under which the first SIGINT, SIGTERM or SIGHUP only sets `requested`; a second acts as usual.

    A step that is being computed is finished first, so that a state can be saved that is whole. Signals are left alone
    outside the main thread, where Python cannot handle them. If SIGHUP is ignored, as under `nohup`, it stays ignored.
    Inside of another such block, a signal is a wish to both: a sweep must not begin another run after it.
    """

    def __init__(self) -> None:
        self.number = 0  # of the signal that came
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self.number != 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = list(_SIGNALS)
            if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
                numbers.append(_HANGUP)
            self._before = {number: signal.signal(number, self._on_signal) for number in numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.number, self._since = number, time.monotonic()
            outer = self._before.get(signal.Signals(number))
            if jax.process_count() == 1:
                self._restore()
            if isinstance(outer, MethodType) and isinstance(outer.__self__, StopSignals):
                outer(number, frame)
        elif time.monotonic() - self._since > _SAME_S:
            self._restore()
            os.kill(os.getpid(), number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
