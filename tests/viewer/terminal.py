"""What a program shows on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
from collections.abc import Generator, Sequence


@contextlib.contextmanager
def on_a_terminal(program: Sequence[str]) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """A process, and the descriptor of the terminal that it runs on. It is killed at the end."""
    master, slave = pty.openpty()
    try:
        with subprocess.Popen(program, stdin=slave, stdout=slave, stderr=slave) as process:
            try:
                yield process, master
            finally:
                process.kill()
    finally:
        os.close(master)
        os.close(slave)


def read_until(descriptor: int, text: bytes) -> bytes:
    """What a terminal shows up to some text and the rest of its line."""
    found = b""
    while text not in found or b"\n" not in found[found.index(text) :]:
        readable, _, _ = select.select([descriptor], [], [], 120)
        assert readable, found
        found += os.read(descriptor, 4096)
    return found
