"""The progress of a run on outputs of all kinds: problems with them never end the run."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from metta_jax.monitor import ConsoleLog


class _Failing(io.StringIO):
    def __init__(self, error: Exception, after: int, is_terminal: bool) -> None:
        super().__init__()
        self._error, self._left, self._is_terminal = error, after, is_terminal

    def write(self, text: str, /) -> int:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return super().write(text)

    def isatty(self) -> bool:
        return self._is_terminal


ERRORS = [BrokenPipeError(), OSError(errno.EIO, "gone"), OSError(errno.ENOSPC, "full"), ValueError("closed file")]


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_output_that_fails(error: Exception, after: int, is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, before = _Failing(error, after, is_terminal), (sys.stdout, sys.stderr)
    with ConsoleLog(1000, console=Console(file=stream), log_interval_s=0.0) as log:
        for step in (100, 200, 1000):
            log.log({}, step)
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
def test_encodings(encoding: str, is_terminal: bool) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(file=stream, force_terminal=is_terminal, width=70, color_system=None)
    shown = {"Belohnung größer \udcff 漢字": "a"}
    with ConsoleLog(1000, console=console, log_interval_s=0.0, shown=shown) as log:
        log.log({"a": 1.0}, 500)
        log.log({"a": 1.0}, 1000)
    text = raw.getvalue().decode(encoding)
    bar = "━━━━━╌╌╌╌╌" if encoding == "utf-8" else "#####....."
    assert f" 50% {bar}" in text
    assert "Belohn" in text


def test_a_terminal_that_cannot_redraw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = io.StringIO()
    with ConsoleLog(1000, console=Console(file=stream, force_terminal=True), log_interval_s=0.0) as log:
        log.log({}, 500)
        assert "500/1.0k steps" in stream.getvalue(), "not only at the end"
        log.log({}, 1000)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 3, "the first says that it compiles"


def test_the_cursor_is_never_hidden_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run leaves the cursor visible."""
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    log = ConsoleLog(1000, console=Console(file=stream, force_terminal=True))
    try:
        for step in (1, 500):
            text = stream.getvalue()
            assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")
            log.log({}, step)
    finally:
        log.close()


@pytest.fixture
def own_output(monkeypatch: pytest.MonkeyPatch) -> Callable[[IO[str] | None], None]:
    return lambda stream: monkeypatch.setattr(sys, "stdout", stream)


def _closed() -> IO[str]:
    stream = io.StringIO()
    stream.close()
    return stream


def _unread() -> IO[str]:
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w")


@pytest.mark.parametrize("make", [lambda: None, _closed, _unread], ids=["none", "closed", "unread pipe"])
def test_standard_output(make: Callable[[], IO[str] | None], own_output: Callable[[IO[str] | None], None]) -> None:
    stream = make()
    own_output(stream)
    with ConsoleLog(1000, log_interval_s=0.0) as log:
        for step in (100, 200, 1000):
            log.log({}, step)
    if stream is not None and not stream.closed:
        with pytest.raises(BrokenPipeError):
            stream.close()


def test_a_full_disk(own_output: Callable[[IO[str] | None], None]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w", buffering=1) as stream:
        own_output(stream)
        with ConsoleLog(1000, log_interval_s=0.0) as log:
            for step in (100, 1000):
                log.log({}, step)
        own_output(None)
        with pytest.raises(OSError, match="No space"):
            stream.close()
