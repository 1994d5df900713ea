"""`python -m metta_jax <command>`, and `metta-jax <command>`: one file for each command."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code.

    0: done. 2: a mistake of the user, told in one line on standard error. 130: ended by control-C.
    """
    # Loading everything takes seconds, in which people change their minds. Nothing has begun, so the process ends at
    # once; a KeyboardInterrupt could be lost in one of the callbacks that JAX gives to the garbage collector.
    is_ours = threading.current_thread() is threading.main_thread()
    is_ours = is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _leave)
    try:
        from metta_jax.cli import command_line
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return command_line.main(arguments)


def _leave(*_: object) -> None:
    os.write(2, b"metta-jax: interrupted\n")
    os._exit(130)
