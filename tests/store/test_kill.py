"""A real training process, killed at random moments and started again, ends with the bits of one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from metta_jax.store.checkpoint import read_document

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "store" / "killed_run.py"
NUM_UPDATES = 60


def _start(directory: Path, *options: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    cache = str(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    command = [sys.executable, str(PROGRAM), str(directory), str(NUM_UPDATES), cache, *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _run(directory: Path, *options: str) -> str:
    process = _start(directory, *options)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return output


def _kill_after(directory: Path, delay: float, *options: str) -> int:
    """Starts the program, kills it `delay` seconds after it is ready; returns the count that it started from."""
    process = _start(directory, *options)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("ready"), process.communicate()[1]
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return int(first.split()[1])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """Checksums of the files with the final arrays do not do, as they hold times; so: the arrays, and the seconds that
    one update with its save takes."""
    directory = tmp_path_factory.mktemp("alone")
    _run(directory)  # compiles
    again = tmp_path_factory.mktemp("again")
    process = _start(again)
    assert process.stdout is not None
    process.stdout.readline()
    start = time.monotonic()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert _bits(again) == _bits(directory)
    return _bits(directory), (time.monotonic() - start) / NUM_UPDATES


def _bits(directory: Path) -> dict[str, str]:
    """The final arrays as text, by name; read without any template, so nothing is assumed about them."""
    from orbax.checkpoint import v1 as ocp

    description = read_document(directory / "final", "leaves.json")["leaves"]
    arrays = ocp.load(str(directory / "final" / "arrays"))
    found = {}
    for name, leaf in arrays.items():  # type: ignore[union-attr]
        data = jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        found[name] = f"{description[name]} {jax.device_get(data).tobytes().hex()}"
    return found


def _check(directory: Path, expected: dict[str, str], seconds: float, num_kills: int, seed: int, *options: str) -> None:
    generator = random.Random(seed)
    starts = []
    for kill in range(num_kills):
        # On average each life does its share of the updates; where in an update or a save it ends is chance.
        delay = generator.uniform(0.2, 1.8) * seconds * NUM_UPDATES * 0.8 / num_kills
        starts.append(_kill_after(directory, delay, *options))
        del kill
    output = _run(directory, *options)
    assert starts == sorted(starts), "a later life began before an earlier one"
    assert int(output.split()[1]) > 0, "no life got anywhere; the kills proved nothing"
    assert _bits(directory) == expected
    leftovers = [path.name for path in (directory / "trainer_state").iterdir()]
    assert sorted(leftovers) == [str(NUM_UPDATES - 1), str(NUM_UPDATES)]


def test_two_kills(tmp_path: Path, uninterrupted: tuple[dict[str, str], float]) -> None:
    _check(tmp_path, *uninterrupted, 2, 1)


@pytest.mark.slow
def test_twenty_kills(tmp_path: Path, uninterrupted: tuple[dict[str, str], float]) -> None:
    _check(tmp_path, *uninterrupted, 20, 2)


@pytest.mark.slow
def test_twenty_kills_of_background_saves(tmp_path: Path, uninterrupted: tuple[dict[str, str], float]) -> None:
    _check(tmp_path, *uninterrupted, 20, 3, "background")
