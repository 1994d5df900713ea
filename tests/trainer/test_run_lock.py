"""A directory can be used by one run at a time."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from metta_jax.cli import main
from metta_jax.config.directories import paths_in
from metta_jax.store import locks
from metta_jax.trainer import RunLock, make_run, run_lock, train

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from metta_jax.config.directories import paths_in
from metta_jax.trainer import RunLock
with RunLock(paths_in(sys.argv[1], sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _hold(directory: Path, checkpoints: str = "") -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", HOLDER, str(directory), checkpoints]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(params=["locks", "no locks"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no locks":
        monkeypatch.setattr(locks, "fcntl", None)
    return request.param


def test_the_second_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _hold(tmp_path) as process:
        problem = rf"^run_dir: '{tmp_path}' is in use by process {process.pid} on {platform.node()} since \d+-"
        with pytest.raises(ValueError, match=problem):
            RunLock(paths_in(str(tmp_path)))
        (tmp_path / "metrics.csv").write_text("step,a\n1,2\n3")  # the other is writing a line
        with pytest.raises(ValueError, match=problem):
            train(make_run("default", num_envs=1, run_dir=str(tmp_path)), resume=False)
        with pytest.raises(SystemExit) as error:
            main(["train", "default", "--num-envs", "1", "--run-dir", str(tmp_path), "--log", "csv"])
        assert error.value.code == 2
        printed = capsys.readouterr().err
        assert f"is in use by process {process.pid} on {platform.node()}" in printed
        assert printed.count("\n") == 1
        assert (tmp_path / "metrics.csv").read_text() == "step,a\n1,2\n3"
        process.communicate("")
    with RunLock(paths_in(str(tmp_path))):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == {"checkpoints", "replays", "metrics.csv"}


def test_the_same_checkpoints_in_another_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("shared")
    with _hold(tmp_path / "a", str(tmp_path / "shared")) as process:
        with pytest.raises(ValueError, match=f"in use by process {process.pid} "):
            RunLock(paths_in(str(tmp_path / "b"), str(tmp_path / "link")))
        with RunLock(paths_in(str(tmp_path / "b"), str(tmp_path / "other"))):
            pass
        process.communicate("")


def test_a_killed_run_holds_nothing(tmp_path: Path, file_system: str) -> None:
    with _hold(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert (tmp_path / ".run.lock").exists()
    with RunLock(paths_in(str(tmp_path))):
        assert json.loads((tmp_path / ".run.lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".run.lock").exists()


@pytest.mark.parametrize("change", [{"process_start": 0.0}, {"pid": 2**22 + 1}, None], ids=str)
def test_stale_files(tmp_path: Path, file_system: str, change: dict[str, float] | None) -> None:
    """The pid may be another process's by now; an empty file is of one that was killed at once."""
    owner = run_lock._myself()
    (tmp_path / ".run.lock").write_text("" if change is None else json.dumps(owner | {"pid": os.getppid()} | change))
    with RunLock(paths_in(str(tmp_path))):
        assert json.loads((tmp_path / ".run.lock").read_text()) == owner


def test_without_locks_a_file_stands_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    file = tmp_path / ".run.lock"
    for owner in (run_lock._myself(), {**run_lock._myself(), "host": "elsewhere\x1b[2J", "pid": 7}):
        file.write_text(json.dumps(owner))
        with pytest.raises(
            ValueError, match=f"in use by process {owner['pid']} on .*; if that run is over, delete"
        ) as error:
            RunLock(paths_in(str(tmp_path)))
        assert str(error.value).isprintable()
        assert json.loads(file.read_text()) == owner
    file.write_text("not ours")
    with pytest.raises(ValueError, match="in use by another process"):
        RunLock(paths_in(str(tmp_path)))


def test_it_may_be_taken_again_where_it_is_held_and_nowhere_else(tmp_path: Path) -> None:
    paths = paths_in(str(tmp_path))
    problems: list[str] = []

    def other_thread() -> None:
        try:
            RunLock(paths).close()
        except ValueError as error:
            problems.append(str(error))

    def run_thread() -> None:
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()

    with RunLock(paths):
        with RunLock(paths) as inner:
            run_thread()
        inner.close()
        run_thread()
        assert len(problems) == 2
        assert all(f"in use by process {os.getpid()} " in problem for problem in problems)
    run_thread()
    assert len(problems) == 2


def test_a_directory_that_was_replaced_is_not_touched(tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = RunLock(paths_in(str(run)))
    run.rename(tmp_path / "moved")
    with _hold(run) as process:
        first.close()
        assert json.loads((run / ".run.lock").read_text())["pid"] == process.pid
        process.communicate("")
