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


def _start(directory: Path, num_updates: int, *options: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    cache = str(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    command = [sys.executable, str(PROGRAM), str(directory), str(num_updates), cache, *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _run(directory: Path, num_updates: int, *options: str) -> tuple[int, dict[str, str]]:
    """Runs the program to its end: the count that it started from, and checksums of the final arrays by name."""
    process = _start(directory, num_updates, *options)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    lines = output.splitlines()
    return int(lines[0].split()[1]), json.loads(lines[-1].removeprefix("final "))


def _kill(directory: Path, num_updates: int, num_saves: int, generator: random.Random, *options: str) -> int:
    """Kills the program at some moment during the update and the save that follow `num_saves` saves.

    With less than two saves, whose distance in time says how long that is: soon after it began to load or to compile.
    Returns the count that it started from.
    """
    process = _start(directory, num_updates, *options)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("ready"), process.communicate()[1]
    times = []
    for _ in range(num_saves):
        assert process.stdout.readline().startswith("saved"), process.communicate()[1]
        times.append(time.monotonic())
    time.sleep(generator.uniform(0.0, 1.2 * (times[-1] - times[-2]) if num_saves > 1 else 0.1))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return int(first.split()[1])


def _check(directory: Path, num_updates: int, num_kills: int, seed: int, *options: str) -> None:
    # A save in the background, or another time of day, makes no difference; another number of devices may.
    _, expected = _run(directory / "alone", num_updates, *(option for option in options if option == "devices"))
    generator = random.Random(seed)
    # After the saves that are waited for, a life gets at most a few more; what is left is for the one that ends itself.
    most = (num_updates - 2 * num_kills) // num_kills
    killed = directory / "killed"
    starts = [_kill(killed, num_updates, generator.randint(0, most), generator, *options) for _ in range(num_kills)]
    last, actual = _run(killed, num_updates, *options)
    assert [*starts, last] == sorted([*starts, last])
    assert last > 0, "no life got anywhere; the kills proved nothing"
    assert actual == expected
    # Nothing is left of saves that were cut off.
    names = sorted(int(path.name) for path in (killed / "trainer_state").iterdir())
    assert names == [num_updates - 1, num_updates]


def test_two_kills(tmp_path: Path) -> None:
    _check(tmp_path, 16, 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", "background devices clock"])
def test_forty_kills(tmp_path: Path, options: str) -> None:
    _check(tmp_path, 280, 40, 2 + len(options), *options.split())
