"""A training process, killed at random moments and started again, ends with the bits of one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "store" / "killed_run.py"
NUM_UPDATES = 80


def _start(directory: Path, *options: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    cache = str(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    command = [sys.executable, str(PROGRAM), str(directory), str(NUM_UPDATES), cache, *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _run(directory: Path, *options: str) -> tuple[int, dict[str, str]]:
    """Runs the program to its end: the count that it started from, and checksums of the final arrays by name."""
    process = _start(directory, *options)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    lines = output.splitlines()
    return int(lines[0].split()[1]), json.loads(lines[-1].removeprefix("final "))


def _kill(directory: Path, num_saves: int, generator: random.Random, *options: str) -> int:
    """Kills the program at some moment during the update and the save that follow `num_saves` saves.

    Returns the count that it started from.
    """
    process = _start(directory, *options)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("ready"), process.communicate()[1]
    duration, before = 0.05, time.monotonic()
    for _ in range(num_saves):
        assert process.stdout.readline(), process.communicate()[1]
        now = time.monotonic()
        duration, before = now - before, now
    time.sleep(generator.uniform(0.0, 1.2 * duration))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return int(first.split()[1])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _run(tmp_path_factory.mktemp("alone"))[1]


def _check(directory: Path, expected: dict[str, str], num_kills: int, seed: int, *options: str) -> None:
    generator = random.Random(seed)
    # After the saves that are waited for, a life gets at most a few more; what is left is for the one that ends itself.
    most = (NUM_UPDATES - 2 * num_kills) // num_kills
    starts = [_kill(directory, generator.randint(1, most), generator, *options) for _ in range(num_kills)]
    last, actual = _run(directory, *options)
    assert [*starts, last] == sorted([*starts, last])
    assert last > 0, "no life got anywhere; the kills proved nothing"
    assert actual == expected
    # Nothing is left of saves that were cut off.
    names = sorted(path.name for path in (directory / "trainer_state").iterdir())
    assert names == [str(NUM_UPDATES - 1), str(NUM_UPDATES)]


def test_two_kills(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    _check(tmp_path, uninterrupted, 2, 1)


@pytest.mark.slow
def test_twenty_kills(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    _check(tmp_path, uninterrupted, 20, 2)


@pytest.mark.slow
def test_twenty_kills_of_background_saves(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    _check(tmp_path, uninterrupted, 20, 3, "background")
