"""The workers of one machine, as processes of the same command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from metta_jax.trainer import StopSignals

_POLL_S = 0.2


def run_workers(command: Sequence[str], num_workers: int, devices: Sequence[str] = ()) -> int:
    """Run workers until all have ended, and return the first exit code that is not 0, or 0.

    Control-C and SIGTERM reach only this process, which then asks the workers to shut down cleanly. Workers whose
    parent was killed do so by themselves after their current update.

    Args:
      command: arguments of `metta-jax`. devices: assigned to the workers in turn; empty: JAX decides.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with StopSignals() as stop:
            for index in range(num_workers):
                device = ["--device", devices[index % len(devices)]] if devices else []
                arguments = [*command, *device, "--worker", str(os.getpid())]
                program = [sys.executable, "-m", "metta_jax", *arguments]
                processes.append(subprocess.Popen(program, start_new_session=True))
            while any(process.poll() is None for process in processes) and not stop.requested:
                time.sleep(_POLL_S)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        codes = [process.wait() for process in processes]
    return next((abs(code) for code in codes if code), 0)


def is_child_of(pid: int) -> bool:
    """Whether the process that started this one is still running."""
    return os.getppid() == pid
