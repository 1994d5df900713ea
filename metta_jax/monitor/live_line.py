"""A status line: redrawn in place on a terminal, printed from time to time elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from rich.console import Console
from rich.live import Live
from rich.text import Text

TICK_S = 1.0  # between two redraws of what counts seconds


class LiveLine:
    """Show a text that may change at any time.

    On a terminal the line is redrawn in place. Elsewhere, and on terminals that cannot do that, a new line is printed
    at most every `log_interval_s` seconds. It uses only characters that the output's encoding has. When the output
    fails (closed, a full disk, a pipe without a reader), nothing more is shown, and nothing is raised.

    Args:
      text_fn: returns the current line; also called from the thread of `keep_showing`. "" shows nothing.
      console: where to write; None: standard output.
      log_interval_s: seconds between lines when the output is not a terminal.
      clock: seconds, monotonic; for tests.
      is_transient: erase the line at the end on a terminal; elsewhere, do not print the last line again.
    """

    def __init__(
        self,
        text_fn: Callable[[], str],
        *,
        console: Console | None = None,
        log_interval_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        is_transient: bool = False,
    ) -> None:
        self._text_fn, self._log_interval_s, self._clock, self._is_transient = (
            text_fn, log_interval_s, clock, is_transient,
        )  # fmt: skip
        self._console = Console(highlight=False) if console is None else console
        self._last_printed = -float("inf")
        self._text, self._printed = "", ""
        # On a broken pipe, whichever file it is, Rich would discard standard output and exit the process.
        setattr(self._console, "on_broken_pipe", _raise_again)  # noqa: B010 - it is a method
        self._is_broken = False
        self._encoding = self._console.encoding
        self._overflow: Literal["ellipsis", "crop"] = "ellipsis" if self.can_show("…") else "crop"
        self._live: Live | None = None
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=is_transient)
            self._attempt(self._start)

    def can_show(self, text: str) -> bool:
        """Whether the output's encoding has all its characters."""
        try:
            text.encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def show(self, *, is_due: bool | None = None) -> None:
        """Draw the current line. `is_due`: whether to print it if this is no terminal; None: if its time has come."""
        with self._lock:
            text = self._text_fn().encode(self._encoding, "backslashreplace").decode(self._encoding)
            self._text = text
            now = self._clock()
            if self._live is not None:
                self._attempt(self._redraw, text)
            elif text and (self._is_news(now) if is_due is None else is_due):
                self._attempt(self._print, now)

    def wait_from_now(self) -> None:
        """If this is not a terminal, print no line before `log_interval_s` have passed."""
        self._last_printed = self._clock()

    def keep_showing(self) -> None:
        """From now on, draw the line every second, until `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, name="live line", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Leave the last line standing, or nothing if it is transient. A second call does nothing."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._live is not None:
                self._attempt(self._live.stop)
            elif self._text != self._printed and not self._is_transient:
                self._attempt(self._print, self._clock())

    def _is_news(self, now: float) -> bool:
        """Whether the line is printed: its time has come, and it says something else than the one before."""
        return now - self._last_printed >= self._log_interval_s and self._text != self._printed

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            self.show()

    def _attempt(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._is_broken:
            return
        try:
            action(*arguments)
        except (OSError, ValueError):  # ValueError: it is closed
            self._is_broken = True
            if self._live is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._live.stop()

    def _start(self) -> None:
        assert self._live is not None
        self._live.start()
        # Rich hides the cursor until the end, which a killed run never reaches.
        self._console.show_cursor(True)

    def _redraw(self, text: str) -> None:
        assert self._live is not None
        self._live.update(Text(text, no_wrap=True, overflow=self._overflow), refresh=True)

    def _print(self, now: float) -> None:
        self._last_printed = now
        self._printed = self._text
        self._console.print(Text(self._text), soft_wrap=True)


def _raise_again() -> None:
    raise
