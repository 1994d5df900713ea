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
_MOST_INTERVALS = 10  # counted at most between two looks
_MOST_BYTES = 1000

_logger = logging.getLogger(__name__)


def record_heartbeat() -> None:
    """Write the Unix time into the file that HEARTBEAT_FILE names, whose directory is made if it is not there.

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
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until a process ends, or end its process group after a timeout without a heartbeat.

    The group gets SIGTERM, and SIGKILL if it is still there after `grace_s`. If this process is in the same group, only
    the watched one and its descendants are ended. Silence is measured from the call, or from the last change of the
    file that this function saw, by a monotonic clock. Between two looks at most ten intervals count, so that a machine
    that was asleep does not end its run when it wakes up.

    Args:
      path: the file that `record_heartbeat` writes.
      pid: of the process.
      timeout_s: the longest time without a change of the file, in seconds.
      interval_s: seconds between two looks.
      sleep_fn: waits for a number of seconds; for tests. clock: monotonic seconds; for tests.

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
    # The file may be from an earlier run, so only changes of it count.
    silence, last, now = 0.0, _content(Path(path)), clock()
    while _runs(process):
        before, now, found = now, clock(), _content(Path(path))
        silence = 0.0 if found != last else silence + min(now - before, _MOST_INTERVALS * interval_s)
        last = found
        if silence > timeout_s:
            _logger.error("No heartbeat in %s for %.0f s: ending process %d", path, silence, pid)
            _end(process, grace_s)
            return True
        sleep_fn(interval_s)
    return False


def _content(path: Path) -> object:
    """Something that changes when the file is written."""
    try:
        facts = path.stat()
        with path.open("rb") as file:
            return facts.st_mtime_ns, facts.st_ino, file.read(_MOST_BYTES)
    except OSError:
        return None


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
