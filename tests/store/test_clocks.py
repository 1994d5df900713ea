"""Which unfinished directories are leftovers does not depend on what time it is."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import pytest

from metta_jax.store import load_pytree, locks, save_pytree
from metta_jax.store.files import new_directory

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from pathlib import Path
from metta_jax.store.files import new_directory
with new_directory(Path(sys.argv[1])) as temporary:
    print(temporary, flush=True)
    sys.stdin.read()
"""
JUMPS = pytest.mark.parametrize("seconds_ago", [1e7, 0.0, -1e7])


def _start(target: Path) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", WRITER, str(target)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@JUMPS
def test_what_a_living_process_writes_stays(tmp_path: Path, seconds_ago: float) -> None:
    process, temporary = _start(tmp_path / "a")
    with process, new_directory(tmp_path / "mine") as mine:
        for path in (temporary, mine):
            os.utime(path, (time.time() - seconds_ago, time.time() - seconds_ago))
        save_pytree(tmp_path / "b", {"a": jnp.zeros(2)})
        assert temporary.is_dir()
        assert mine.is_dir()
        process.communicate("")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "mine"]


@JUMPS
@pytest.mark.parametrize("is_own_number", [False, True])
def test_what_a_dead_process_left_goes(tmp_path: Path, seconds_ago: float, is_own_number: bool) -> None:
    """In a container a later process often has the same number."""
    process, temporary = _start(tmp_path / "a")
    with process:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    if is_own_number:
        temporary = temporary.rename(
            temporary.with_name(temporary.name.replace(f"-{process.pid}-", f"-{os.getpid()}-"))
        )
    os.utime(temporary, (time.time() - seconds_ago, time.time() - seconds_ago))
    save_pytree(tmp_path / "b", {"a": jnp.zeros(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_without_locks_the_process_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, temporary = _start(tmp_path / "a")
    monkeypatch.setattr(locks, "fcntl", None)
    with process:
        save_pytree(tmp_path / "b", {"a": jnp.zeros(2)})
        assert temporary.is_dir()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    save_pytree(tmp_path / "b", {"a": jnp.zeros(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("jump_s", [1e7, -1e7])
def test_a_save_during_which_the_clock_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    """Orbax gives up after twenty minutes by the time of day."""
    right, num_looks = time.time, itertools.count()
    monkeypatch.setattr(time, "time", lambda: right() + jump_s * next(num_looks))
    for value in (1.0, 2.0):
        save_pytree(tmp_path / "a", {"a": jnp.full(2, value)})
    loaded = load_pytree(tmp_path / "a", {"a": jnp.zeros(2)})
    assert loaded is not None
    assert loaded["a"].tolist() == [2.0, 2.0]
