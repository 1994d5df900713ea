"""Trains on a disk that is full again and again: `python full_disk.py DIRECTORY CACHE SEED NUM_UPDATES`.

DIRECTORY becomes a small file system of its own, which is gone with the process; that needs `unshare -rm`. Before every
save all of it is filled but a random number of bytes. Prints a line for each save that failed, and "good" at the end if
everything was as it must be.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import jax

from metta_jax.store import SaveError, load_train_state, save_train_state
from tests.store.killed_run import digests, make_training

DISK = 2**20


def main() -> None:
    directory, cache, seed, num_updates = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(directory)], check=True)
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    generator, training, run = random.Random(seed), make_training(), directory / "run"
    state = training.init(jax.random.key(5))
    save_train_state(run, state, training)
    needed = DISK - free(directory)
    complete = digests(state)
    for _ in range(num_updates):
        state, _ = training.train_step(state)
        fill(directory / "filler", generator.randint(0, int(1.5 * needed)))
        try:
            save_train_state(run, state, training)
            complete = digests(state)
        except SaveError as error:
            print("failed", error.errno, error, flush=True)
            (directory / "filler").unlink()
            loaded = load_train_state(run, training)
            assert loaded is not None
            assert digests(loaded) == complete, "what was complete is lost"
            save_train_state(run, state, training)
            complete = digests(state)
        loaded = load_train_state(run, training)
        assert loaded is not None
        assert digests(loaded) == complete
        state = loaded
        (directory / "filler").unlink(missing_ok=True)
    names = sorted(os.listdir(run / "trainer_state"), key=int)
    assert names == [str(num_updates - 1), str(num_updates)], names
    alone = training.init(jax.random.key(5))
    for _ in range(num_updates):
        alone, _ = training.train_step(alone)
    assert digests(alone) == digests(state)
    print("good", flush=True)


def free(directory: Path) -> int:
    facts = os.statvfs(directory)
    return facts.f_bavail * facts.f_frsize


def fill(path: Path, left: int) -> None:
    """Writes a file until only `left` bytes are free, or less."""
    with path.open("wb") as file:
        file.write(b"x" * max(0, free(path.parent) - left))


if __name__ == "__main__":
    main()
