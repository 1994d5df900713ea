"""`train --distributed`: a run of several processes, each watched by the process that started it.

When one process of a run dies, JAX aborts the others with pages of text. So the command runs itself in a child process,
forwards signals, and reports in one line what happened.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import math
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import jax

from metta_jax.parallel import HEARTBEAT_S, start_processes

PREEMPTED = 75  # exit code after SIGTERM, with everything saved: start the run again
LOST = 76  # exit code if another process of the run was lost

_PARENT = "METTA_JAX_WATCHED_BY"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))
_UNHEALTHY = re.compile(r"stopped sending heartbeats\):\s*((?:\d+\s+)+)")
_NO_COORDINATOR = re.compile(r"Failed to send RPC to coordination service|CoordinationService/Heartbeat")
_OF_JAX = re.compile(r"^[IWEF]\d{4} [\d:.]+ +\d+ \S+\.(cc|h):\d+\] ")
_PAGE_S = 2.0  # seconds in which what follows an error of JAX belongs to it; it is written all at once
_GLOO = ("Gloo", "gloo", "NCCL", "coordination service", "DistributedRuntime", "Barrier")


def is_distributed(options: argparse.Namespace) -> bool:
    """Whether the options are those of a run of several processes. Raises a ValueError if some have no effect."""
    if options.distributed:
        return True
    for name in ("coordinator", "num_processes", "process_id"):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')}: has no effect without --distributed")
    return False


def run_watched(arguments: Sequence[str], options: argparse.Namespace, run_fn: Callable[[], int]) -> int:
    """Run the command in a child process and watch it; in the child, call `run_fn`."""
    parent = os.environ.pop(_PARENT, None)  # what this process starts has another parent
    if parent is not None:
        return _take_part(int(parent), options, run_fn)
    me = f"process {options.process_id}" if options.process_id is not None else f"the process on {platform.node()}"
    command = [sys.executable, "-m", "metta_jax", *arguments]
    child = subprocess.Popen(
        command,
        env={**os.environ, _PARENT: str(os.getpid())},
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so a terminal's control-C reaches only this process, which forwards it once
    )
    before = {number: signal.signal(number, lambda n, _: child.send_signal(n)) for number in _SIGNALS}
    try:
        assert child.stderr is not None
        news = show_errors(child.stderr)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    is_lost = _UNHEALTHY.search(news) or _NO_COORDINATOR.search(news)
    if code == LOST or (code == -signal.SIGABRT and is_lost):
        print(f"metta-jax: {me}: {describe_loss(news)}", file=sys.stderr)
        return LOST
    if code not in (0, PREEMPTED):
        sys.stderr.write(news)  # it may be the reason
    if code < 0:
        print(f"metta-jax: {me}: ended by signal {-code}; nothing saved is lost, start all again", file=sys.stderr)
        return 128 - code
    return code


def describe_loss(news: str) -> str:
    """Describe what happened, judging by what JAX wrote."""
    found = _UNHEALTHY.search(news)
    numbers = found[1].split() if found else ["0"] if _NO_COORDINATOR.search(news) else []
    who = f"process {' and '.join(numbers)}" if numbers else "another process"
    return (
        f"stopped because {who} of this run died or hangs; nothing saved is lost: start all processes again, in any "
        "number, and the run resumes from its last checkpoint"
    )


def show_errors(lines: Iterable[str], clock: Callable[[], float] = time.monotonic) -> str:
    """Forward what a process writes to standard error; return what JAX says, without showing it.

    An error of JAX spans many lines, of which only the first can be told from other output. After a fatal one comes
    nothing else; after others, what the process writes later is its own.
    """
    kept: deque[str] = deque(maxlen=500)
    page_ends = -math.inf
    for line in lines:
        now = clock()
        is_of_jax = _OF_JAX.match(line) is not None
        if is_of_jax and line.startswith("F"):
            page_ends = math.inf
        elif is_of_jax and (line.startswith("E") or "Failed to retrieve preemption" in line):
            page_ends = max(page_ends, now + _PAGE_S)
        is_of_page = now <= page_ends and not line.startswith("metta-jax:")
        if is_of_jax or is_of_page or line.startswith("[Gloo]"):
            kept.append(line)
        else:
            sys.stderr.write(line)
            sys.stderr.flush()
    return "".join(kept)


def _take_part(parent: int, options: argparse.Namespace, run_fn: Callable[[], int]) -> int:
    """Run as one of several processes. On an error, exit at once: cleaning up would wait for the others, forever."""
    _end_with(parent)
    # Until training begins and from its end on, control-C ends this process as the other signals do: Python would clean
    # up, or not even notice while JAX waits for the others.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        start_processes(options.coordinator, options.num_processes, options.process_id)
        return run_fn()
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if jax.distributed.is_initialized() and any(word in str(error) for word in _GLOO):
            time.sleep(HEARTBEAT_S + 15)  # JAX finds out which process is gone, reports it, and ends this one
            os._exit(LOST)
        number = f"process {jax.process_index()}" if jax.distributed.is_initialized() else "a process"
        print(f"metta-jax: {number}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        os._exit(2)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _end_with(parent: int) -> None:
    """End this process when its watcher is killed."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    with contextlib.suppress(AttributeError, OSError):  # only Linux can do it at once
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    threading.Thread(target=look, daemon=True).start()
