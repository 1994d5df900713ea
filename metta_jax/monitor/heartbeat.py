"""A sign of life that a training process gives, and the watchman who ends it when the sign stays away."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

VARIABLE = "HEARTBEAT_FILE"
_LOOK_S = 0.05  # between two looks at processes that are ending

_logger = logging.getLogger(__name__)


def record_heartbeat() -> None:
    """Writes the Unix time into the file that HEARTBEAT_FILE names, whose directory is made if it is not there.

    Does nothing without that variable. A failure is logged, never raised.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"{time.time()}\n", encoding="utf-8")
    except OSError as error:
        _logger.warning("Cannot write the heartbeat to %s: %s", path, error)


def watch_heartbeat(
    path: str | os.PathLike[str],
    pid: int,
    *,
    timeout_s: float = 600.0,
    interval_s: float = 60.0,
    grace_s: float = 10.0,
    sleep_fn: Callable[[float], None] = time.sleep,
) -> bool:
    """Waits until a process has ended, or its heartbeat is older than the timeout; then ends its process group.

    The group gets SIGTERM, and SIGKILL if it is still there after `grace_s`. If this process is in the same group, only
    the watched one and its descendants are ended. Until the file is there, its age counts from the call on.

    Args:
      path: the file that `record_heartbeat` writes.
      pid: of the process.
      timeout_s: the greatest age of the file, in seconds.
      interval_s: seconds between two looks.
      sleep_fn: waits for so many seconds; for tests.

    Returns:
      Whether the process was ended here; False: it had ended by itself.

    Raises:
      ValueError: there is no process `pid`, or a time that is not positive.
    """
    for name, value in (("timeout_s", timeout_s), ("interval_s", interval_s)):
        if not value > 0:
            raise ValueError(f"{name}: {value} is not a positive number of seconds")
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        raise ValueError(f"pid: there is no process {pid}") from None
    start = time.time()
    while _runs(process):
        age = time.time() - _last_beat(Path(path), start)
        if age > timeout_s:
            _logger.error("No heartbeat in %s for %.0f s: ending process %d", path, age, pid)
            _end(process, grace_s)
            return True
        sleep_fn(interval_s)
    return False


def _last_beat(path: Path, start: float) -> float:
    try:
        # A file of an earlier run says nothing about this process.
        return max(path.stat().st_mtime, start)
    except OSError:
        return start


def _end(process: psutil.Process, grace_s: float) -> None:
    group = os.getpgid(process.pid)
    is_ours = group == os.getpgrp()
    members = {process, *process.children(recursive=True)} if is_ours else _members(group)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_ours:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
        for member in members if is_ours else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(number)
        deadline = time.monotonic() + grace_s
        while any(map(_runs, members)):
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_S)
        else:
            return


def _members(group: int) -> set[psutil.Process]:
    members = set()
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group:
                members.add(process)
    return members


def _runs(process: psutil.Process) -> bool:
    """A zombie does not: it has ended, and only its parent has not noticed."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
