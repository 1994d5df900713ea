"""Handles standard output that is closed, full, a pipe without a reader, or has an encoding with few characters."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Generator
from typing import Any


@contextlib.contextmanager
def escaped_output() -> Generator[None]:
    """Within the block, characters that the encoding of standard output lacks are written as escapes."""
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper) or stream.closed:
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # buffered text cannot be written, or it has been closed
            stream.reconfigure(errors=before)


@contextlib.contextmanager
def unbreakable_output() -> Generator[None]:
    """Within the block, problems with standard output raise no errors; the output is just not shown."""
    stream = sys.stdout
    sys.stdout = guarded = _Unbreakable(stream)
    try:
        yield
    finally:
        guarded.flush()
        sys.stdout = stream
        if guarded.is_broken:
            forget_output()


def flush_output() -> None:
    """Flush standard output; raise OSError if that fails."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def forget_output() -> None:
    """Discard all further standard output; otherwise Python would try to flush it again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it may be closed, or None
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Unbreakable(io.TextIOBase):
    """Pass everything to a stream until that fails."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.is_broken = stream is None

    def write(self, text: str, /) -> int:
        if not self.is_broken:
            try:
                self._stream.write(text)
            except (OSError, ValueError):
                self.is_broken = True
        return len(text)

    def flush(self) -> None:
        if not self.is_broken:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.is_broken = True

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("there is no standard output")
        return self._stream.fileno()

    def isatty(self) -> bool:
        try:
            return not self.is_broken and self._stream.isatty()
        except ValueError:  # it is closed
            return False

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"
