"""One run at a time per directory: two would write every step twice and delete each other's states."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import platform
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import jax
import psutil

from metta_jax.config.directories import RunPaths
from metta_jax.store.files import plain_text
from metta_jax.store.locks import try_lock

NAME = ".run.lock"
_START_SLACK_S = 2.0  # start times of processes are less exact than that

_held: ContextVar[frozenset[str]] = ContextVar("held_run_directories", default=frozenset())


class RunLock:
    """Reserve a run's directory, and that of its checkpoints, for this process until `close` or the process ends.

    Can be used as a context manager. The system releases the lock however the process ends; on a file system without
    locks the file `.run.lock` takes its place, and is ignored once the process that it names is gone. Within a `with`
    block, or a thread that holds the lock, another RunLock of the same directory does nothing. In a distributed run
    only the first process takes the lock.

    Raises:
      ValueError: another run uses the directory; names its process and host. OSError: no file can be created there.
    """

    def __init__(self, paths: RunPaths) -> None:
        self._files: dict[str, int | None] = {}
        folders = {os.path.realpath(folder): None for folder in (paths.run_dir, paths.checkpoints)}
        folders = [folder for folder in folders if folder not in _held.get()]
        if jax.process_index() != 0:
            folders = []
        try:
            for folder in folders:
                Path(folder).mkdir(parents=True, exist_ok=True)
                self._files[folder] = _take(Path(folder, NAME), paths.run_dir)
        except BaseException:
            self.close()
            raise
        _held.set(_held.get() | self._files.keys())
        atexit.register(self.close)

    def close(self) -> None:
        """Release the directories. A second call does nothing."""
        atexit.unregister(self.close)
        _held.set(_held.get() - self._files.keys())
        while self._files:
            folder, descriptor = self._files.popitem()
            path = Path(folder, NAME)
            with contextlib.suppress(OSError):  # the directory may be gone, or belong to another run by now
                if _owner(path) == _myself() if descriptor is None else _is_same_file(descriptor, path):
                    path.unlink()
            if descriptor is not None:
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _take(path: Path, run_dir: str) -> int | None:
    """The descriptor that holds the lock; None where the file system has no locks and the file stands in for one."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            is_locked = try_lock(descriptor)
            if is_locked is False or (is_locked is None and not _is_stale(path)):
                raise ValueError(_problem(path, run_dir, is_sure=is_locked is False))
            if is_locked and not _is_same_file(descriptor, path):
                os.close(descriptor)  # its previous owner deleted it in the meantime
                continue
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_myself()).encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        if is_locked:
            return descriptor
        os.close(descriptor)
        return None


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _is_stale(path: Path) -> bool:
    """Whether the file is empty, or names a process of this host that is gone."""
    owner = _owner(path)
    if not owner:
        return path.stat().st_size == 0
    if owner.get("host") != platform.node():
        return False
    start = _process_start(owner["pid"])
    return start is None or abs(start - owner["process_start"]) > _START_SLACK_S


def _owner(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    is_good = isinstance(found, dict) and isinstance(found.get("process_start"), int | float)
    return found if is_good and isinstance(found.get("pid"), int) and 0 < found["pid"] < 2**31 else {}


def _process_start(pid: int) -> float | None:
    """When a process started, in seconds; None if there is no such process.

    Counted from the start of the machine where that is known, which changes of the clock do not affect.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except FileNotFoundError:
        if os.path.exists("/proc/self/stat"):
            return None
    except (OSError, ValueError, IndexError):
        pass
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _myself() -> dict[str, Any]:
    since = datetime.fromtimestamp(psutil.Process().create_time(), UTC).isoformat(timespec="seconds")
    start = _process_start(os.getpid())
    return {"pid": os.getpid(), "host": platform.node(), "process_start": start, "since": since}


def _problem(path: Path, run_dir: str, *, is_sure: bool) -> str:
    owner = _owner(path)
    who = "another process"
    if owner:
        names = {name: plain_text(owner.get(name, "?"), 80) for name in ("pid", "host", "since")}
        who = f"process {names['pid']} on {names['host']} since {names['since']}"
    advice = "" if is_sure else f"; if that run is over, delete {str(path)!r}"
    return f"run_dir: {run_dir!r} is in use by {who}; choose another directory, or wait{advice}"
