"""Disks that are full, directories that disappear: nothing complete is lost, nothing hangs, and bits are the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.store import BackgroundSaver, SaveError, load_train_state, save_train_state
from metta_jax.store import checkpoint as checkpoint_module
from tests.rl.training import assert_same
from tests.store.killed_run import make_training

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def training() -> Any:
    return make_training()


def _can_mount() -> bool:
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /tmp"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
def test_a_disk_that_is_full_at_some_byte(tmp_path: Path) -> None:
    if not _can_mount():
        pytest.skip("no file system can be mounted here")
    program, cache = ROOT / "tests" / "store" / "full_disk.py", str(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    command = ["unshare", "-rm", sys.executable, str(program), str(tmp_path), cache, "7", "25"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *failures, last = done.stdout.splitlines()
    assert last == "good"
    assert len(failures) >= 10
    assert all("No space left on device" in line for line in failures)


def _await_threads(num_threads: int) -> None:
    """Fails if there are more for long: a thread that waits would keep the process from ending for minutes."""
    end = time.monotonic() + 30
    while threading.active_count() > num_threads:
        assert time.monotonic() < end, threading.enumerate()
        time.sleep(0.05)


@pytest.mark.parametrize("is_background", [False, True])
@pytest.mark.parametrize("moment", ["before", "write_arrays", "checksums", "write_json", "read_document"])
def test_a_directory_that_disappears(
    tmp_path: Path, training: Any, monkeypatch: pytest.MonkeyPatch, moment: str, is_background: bool
) -> None:
    """Before a save it is created again; during a save it is an error, and the next save works as usual."""
    run = tmp_path / "run"
    state = training.init(jax.random.key(5))
    save_train_state(run, state, training)
    state, _ = training.train_step(state)
    num_threads = threading.active_count()

    def save() -> None:
        with BackgroundSaver() as saver:
            save_train_state(run, state, training, background=saver if is_background else None)

    if moment == "before":
        shutil.rmtree(run)
        save()
    elif moment == "write_arrays":  # Orbax makes the directories that it needs
        whole = checkpoint_module.write_arrays
        monkeypatch.setattr(checkpoint_module, moment, lambda *args: (shutil.rmtree(run), whole(*args)))
        save()
    else:
        whole = getattr(checkpoint_module, moment)
        with monkeypatch.context() as patch, pytest.raises(SaveError, match="could not be saved") as caught:
            patch.setattr(checkpoint_module, moment, lambda *args: (shutil.rmtree(run), whole(*args))[1])
            save()
        assert "\n" not in str(caught.value)
        _await_threads(num_threads)
        assert load_train_state(run, training) is None
        save()
    assert_same(load_train_state(run, training), state)


def test_what_was_saved_elsewhere_stays(tmp_path: Path, training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the new directory disappears, as a cleaner of unknown names would have it."""
    state = training.init(jax.random.key(5))
    save_train_state(tmp_path, state, training)
    after, _ = training.rollout(state)
    write_json = checkpoint_module.write_json

    def write(path: Path, document: Any) -> None:
        write_json(path, document)
        shutil.rmtree(path.parent)

    with monkeypatch.context() as patch, pytest.raises(SaveError, match="trainer_state"):
        patch.setattr(checkpoint_module, "write_json", write)
        save_train_state(tmp_path, after, training)
    assert_same(load_train_state(tmp_path, training), state)
    save_train_state(tmp_path, after, training)
    assert_same(load_train_state(tmp_path, training), after)
