"""A tiny training program that saves after every update: `python killed_run.py DIRECTORY UPDATES CACHE [OPTION ...]`.

background: saves in a thread. devices: divides the environments between two devices. clock: the time of day jumps at
each look at it, by days, and so do the times of files.

It continues from the checkpoint in DIRECTORY, as any run does, until UPDATES updates are done, and prints checksums of
the final state. The test kills it at random moments.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.parallel import shard_training
from metta_jax.rl import TrainingComponents
from metta_jax.store import BackgroundSaver, load_train_state, save_train_state
from metta_jax.store.arrays import named_leaves
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config


def main() -> None:
    directory, num_updates, cache, *options = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *sys.argv[4:]
    if "clock" in options:
        let_clocks_jump()
    if "devices" in options:
        jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    training = make_training()
    runner = shard_training(training) if "devices" in options else training
    state = load_train_state(directory, training, like=runner.init(jax.random.key(0)))
    if state is None:
        state = runner.init(jax.random.key(5))
    print("ready", int(state.rollout_count), flush=True)
    with BackgroundSaver() as saver:
        while int(state.rollout_count) < num_updates:
            state, _ = runner.train_step(state)
            background = saver if "background" in options else None
            path = save_train_state(directory, state, training, background=background)
            if "clock" in options:
                for entry in path.parent.iterdir() if path.parent.exists() else ():
                    moment = random.uniform(0.0, 4e9)
                    with contextlib.suppress(FileNotFoundError):  # a save in the background has renamed it
                        os.utime(entry, (moment, moment))
            print("saved", int(state.rollout_count), flush=True)
    print("final", json.dumps(digests(state)), flush=True)


def make_training() -> TrainingComponents:
    env = ProbeEnv(game="memory", episode_length=4, staggered=True)
    settings = config(
        batch_size=64,
        minibatch_size=32,
        prioritized_experience_replay={"prio_alpha": 0.7},
        lr_scheduler={"enabled": True},
    )
    return TrainingComponents.create(env, ProbeAgent(), settings)


def let_clocks_jump() -> None:
    """As if someone set the time of day between any two looks at it."""
    right = time.time

    def jumping() -> float:
        return right() + random.uniform(-1e7, 1e7)

    time.time = jumping


def digests(state: Any) -> dict[str, str]:
    return {name: digest(leaf) for name, leaf in named_leaves(state).items()}


def digest(leaf: jax.Array) -> str:
    data = jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    return f"{leaf.dtype} {leaf.shape} {hashlib.sha256(np.asarray(data).tobytes()).hexdigest()}"


if __name__ == "__main__":
    main()
