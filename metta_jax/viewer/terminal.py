"""Pictures that follow each other in a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR, _HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


class TerminalScreen:
    """Shows text in place, as a context: the cursor is hidden inside it and comes back after it.

        with TerminalScreen() as screen:
            screen.show(human(objects))

    To anything that is not a terminal, texts are printed one below the other.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._shown: str | None = None

    def __enter__(self) -> Self:
        self._write(_HIDE_CURSOR + _CLEAR + _HOME if self._is_terminal else "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(_SHOW_CURSOR if self._is_terminal else "")

    def show(self, text: str) -> None:
        """Draws the text, unless it is what is there already."""
        if text == self._shown:
            return
        self._shown = text
        if self._is_terminal:
            # Overwriting does not flicker, as clearing the whole screen each time would.
            self._write(_HOME + text.replace("\n", _CLEAR_LINE + "\n") + _CLEAR_LINE + "\n" + _CLEAR_BELOW)
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
