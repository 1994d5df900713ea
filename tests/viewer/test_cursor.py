"""The terminal is left as it was found, however a program that draws in it ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import signal
import sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever started the tests may have it ignored
from metta_jax.viewer.live_terminal import read_keys
from metta_jax.viewer.terminal import TerminalScreen
with TerminalScreen() as screen:
    screen.show("drawn")
    for key in read_keys(sys.stdin.fileno()):
        if key == "x":
            raise RuntimeError("a mistake")
        if key == "q":
            break
        screen.show(f"pressed {key}")
"""
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"


class _Terminal:
    def __init__(self) -> None:
        self.controller, self.terminal = pty.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.text = b""
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=subprocess.DEVNULL,
            process_group=0,  # of this session: a process without one above it cannot be suspended
        )

    def wait_for(self, text: bytes, pressing: bytes = b"") -> None:
        """Reads until the program has written `text`; presses a key again and again if one is given."""
        self._until(lambda: text in self.text, pressing)

    def wait_until_suspended(self) -> None:
        self._until(lambda: psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)

    def _until(self, is_so: Callable[[], bool], pressing: bytes = b"") -> None:
        end = time.monotonic() + 60
        while not is_so():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            os.write(self.controller, pressing)
            if select.select([self.controller], [], [], 0.1)[0]:
                self.text += os.read(self.controller, 4096)

    def end(self) -> int:
        code = self.process.wait(60)
        os.set_blocking(self.controller, False)
        try:
            while more := os.read(self.controller, 4096):
                self.text += more
        except OSError:
            pass
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.controller)
        os.close(self.terminal)


@pytest.mark.parametrize(("how", "code"), [("q", 0), ("x", 1), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("INT", -2)])
def test_however_it_ends(how: str, code: int) -> None:
    terminal = _Terminal()
    try:
        terminal.wait_for(b"drawn")
        # What is pressed before the program reads keys is lost.
        terminal.wait_for(b"pressed a", pressing=b"a")
        if len(how) == 1:
            os.write(terminal.controller, how.encode())
        else:
            terminal.process.send_signal(getattr(signal, f"SIG{how}"))
        assert terminal.end() == code
        assert terminal.text.rfind(SHOWN) > terminal.text.rfind(HIDDEN) >= 0
        assert termios.tcgetattr(terminal.terminal) == terminal.before
    finally:
        terminal.close()


def test_while_it_is_suspended() -> None:
    terminal = _Terminal()
    try:
        terminal.wait_for(b"pressed a", pressing=b"a")  # now it handles signals
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.wait_for(SHOWN)
        terminal.wait_until_suspended()
        assert terminal.text.rfind(SHOWN) > terminal.text.rfind(HIDDEN)
        terminal.text = b""
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for(b"pressed a")  # redrawn
        assert HIDDEN in terminal.text
        os.write(terminal.controller, b"q")
        assert terminal.end() == 0
        assert terminal.text.rfind(SHOWN) > terminal.text.rfind(HIDDEN)
    finally:
        terminal.close()
