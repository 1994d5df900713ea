"""The heartbeat, and the watchman with real processes."""

from __future__ import annotations

import contextlib
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from metta_jax.monitor import record_heartbeat, watch_heartbeat

# Starts a child that does what argument 2 says, writes its pid into the file of argument 1, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[2]])
open(sys.argv[1], "w").write(str(child.pid) + "\\n")
time.sleep(600)
"""
# Starts a grandchild that loses its parent: only the process group still connects it.
ORPHANS = """
import os, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()) + "\\n")
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""
SLEEPS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, new_session: bool = True) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", *arguments]
        started.append(subprocess.Popen(command, start_new_session=new_session, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
        # What is left of its session, if the watchman did not do his work.
        for other in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(other.pid) == process.pid:
                    other.kill()


def _watch(path: Path, process: subprocess.Popen[str], **options: Any) -> bool:
    return watch_heartbeat(path, process.pid, **{"timeout_s": 0.2, "interval_s": 0.05, "grace_s": 5.0, **options})


def _child(path: Path) -> psutil.Process:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return psutil.Process(int(path.read_text()))


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_time_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "heartbeat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(path))
    record_heartbeat()
    assert abs(float(path.read_text()) - time.time()) < 20
    os.utime(path, (0, 0))
    record_heartbeat()
    assert abs(path.stat().st_mtime - time.time()) < 20


def test_without_the_variable_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTBEAT_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    record_heartbeat()
    assert list(tmp_path.iterdir()) == []


def test_failures_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "file" / "heartbeat"))
    record_heartbeat()
    assert caplog.messages[0].startswith("Cannot write the heartbeat to")


def test_a_silent_group_is_ended(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(ORPHANS, str(tmp_path / "child"))
    child = _child(tmp_path / "child")
    assert child.ppid() != process.pid
    assert _watch(tmp_path / "heartbeat", process)
    assert process.wait(20) == -15
    assert _has_ended(child)


def test_who_ignores_the_request_is_killed(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(STUBBORN)
    assert process.stdout is not None
    process.stdout.readline()  # it ignores the signal from now on
    assert _watch(tmp_path / "heartbeat", process, grace_s=0.3)
    assert process.wait(20) == -9


def test_in_our_own_group_only_the_process_and_its_children_are_ended(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start(PARENT, str(tmp_path / "child"), SLEEPS, new_session=False)
    child = _child(tmp_path / "child")
    assert os.getpgid(process.pid) == os.getpgrp()
    assert _watch(tmp_path / "heartbeat", process)
    assert process.wait(20) == -15
    assert _has_ended(child)


def test_a_beating_process_is_left_alone(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(SLEEPS)
    path = tmp_path / "heartbeat"
    looks = 0

    def beat(seconds: float) -> None:
        nonlocal looks
        looks += 1
        time.sleep(seconds)
        path.write_text("beat")
        if looks == 10:
            process.terminate()
            process.wait(20)

    assert not _watch(path, process, timeout_s=0.4, sleep_fn=beat)
    assert looks == 10, "0.5 seconds in all"


def test_a_file_of_an_earlier_run_does_not_count(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(SLEEPS)
    path = tmp_path / "heartbeat"
    path.touch()
    os.utime(path, (0, 0))

    def end(seconds: float) -> None:
        process.kill()
        process.wait(20)

    assert not _watch(path, process, timeout_s=100, sleep_fn=end)


@pytest.mark.parametrize("jump_s", [-1e6, 1e6])
def test_a_clock_that_jumps(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]], jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A healthy run is left alone, and a hung one is ended, whatever happens to the time of day."""
    process, path, now, looks = start(SLEEPS), tmp_path / "heartbeat", [100.0], [0]
    monkeypatch.setattr(time, "time", lambda: 1e9 + now[0] + (jump_s if looks[0] > 2 else 0.0))

    def beat_then_hang(seconds: float) -> None:
        now[0] += seconds
        looks[0] += 1
        if looks[0] <= 20:
            path.write_text(f"{time.time()}\n")
            os.utime(path, (time.time(), time.time()))

    assert _watch(path, process, timeout_s=5.0, interval_s=1.0, sleep_fn=beat_then_hang, clock=lambda: now[0])
    assert looks[0] == 26, "20 beats, and 6 seconds of silence"


def test_time_is_measured_by_a_clock_that_nobody_sets() -> None:
    assert inspect.signature(watch_heartbeat).parameters["clock"].default is time.monotonic


def test_a_machine_that_sleeps(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process, path, now, looks = start(SLEEPS), tmp_path / "heartbeat", [100.0], [0]

    def beat(seconds: float) -> None:
        now[0] += seconds
        looks[0] += 1
        if looks[0] == 5:
            now[0] += 1e5  # and the process could not beat either
        elif looks[0] == 30:
            process.kill()
            process.wait(20)
        else:
            path.write_text(f"{now[0]}\n")

    assert not _watch(path, process, timeout_s=60.0, interval_s=1.0, sleep_fn=beat, clock=lambda: now[0])


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pid: there is no process"):
        watch_heartbeat(tmp_path / "x", 2**22 + 1)
    with pytest.raises(ValueError, match="timeout_s: 0 is not a positive"):
        watch_heartbeat(tmp_path / "x", os.getpid(), timeout_s=0)
