"""Pictures that follow each other in a terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self, TextIO

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR, _HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"

# Windows lacks some of them.
_ENDS = tuple(getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP", "SIGQUIT"))
_SUSPENDS = getattr(signal, "SIGTSTP", None)


class TerminalScreen:
    """Show text in place, as a context: the cursor is hidden inside it and comes back after it.

        with TerminalScreen() as screen:
            screen.show(human(objects))

    The cursor also comes back when the process is told to end (SIGTERM, SIGHUP, SIGQUIT: the block ends with
    SystemExit), and while it is suspended. If the stream is not a terminal, texts are printed one below the other.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._shown: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if self._is_terminal and threading.current_thread() is threading.main_thread():
            handlers = dict.fromkeys(_ENDS, _end) | {_SUSPENDS: self._suspend}
            for number, handler in handlers.items():
                # A signal that is already handled or ignored stays so.
                if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                    self._before[number] = signal.signal(number, handler)
        self._write(_HIDE_CURSOR + _CLEAR + _HOME if self._is_terminal else "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            self._write(_SHOW_CURSOR if self._is_terminal else "")
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and lines of the terminal now; None if the stream is none, or does not say."""
        if not self._is_terminal:
            return None
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):  # no descriptor, or one without a size
            return None
        return (columns, rows) if columns > 0 and rows > 0 else None

    def show(self, text: str) -> None:
        """Draw the text unless it is already there."""
        if text == self._shown:
            return
        self._shown = text
        if self._is_terminal:
            # Overwriting does not flicker, as clearing the whole screen each time would.
            self._write(_HOME + text.replace("\n", _CLEAR_LINE + "\n") + _CLEAR_LINE + "\n" + _CLEAR_BELOW)
        else:
            self._write(text + "\n")

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._write(_SHOW_CURSOR)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when the process resumes
        signal.signal(number, self._suspend)
        shown, self._shown = self._shown, None
        self._write(_HIDE_CURSOR + _CLEAR + _HOME)
        if shown is not None:
            self.show(shown)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Unwind the stack, so that everything is restored; exit with the code that shells use for a signal."""
    del frame
    raise SystemExit(128 + number)
