"""Detects forked processes: JAX hangs in a process that was forked after it had started."""

from __future__ import annotations

import os

_started_in: list[int] = []  # the process in which an adapter first used JAX


def check_process() -> None:
    """Raise a RuntimeError in a forked child of a process in which an adapter had used JAX; it would hang."""
    process = os.getpid()
    if not _started_in:
        _started_in.append(process)
    elif _started_in[0] != process:
        raise RuntimeError(
            "this process was forked after JAX had started, and would hang; spawn workers instead, as with "
            "AsyncVectorEnv(..., context='spawn') or multiprocessing.get_context('spawn')"
        )
