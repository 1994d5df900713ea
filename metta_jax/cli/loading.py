"""Control-C while modules are being loaded."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Generator


@contextlib.contextmanager
def leaves_at_once() -> Generator[None]:
    """Within the block, control-C ends the process at once, with one line and exit code 130.

    Loading takes seconds, in which users may change their minds. Nothing has started yet, and a KeyboardInterrupt
    could get lost in one of JAX's garbage-collector callbacks.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    is_ours = is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    os.write(2, b"metta-jax: interrupted\n")
    os._exit(130)
