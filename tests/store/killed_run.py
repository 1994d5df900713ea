"""A tiny training program that saves after every update: `python killed_run.py DIRECTORY UPDATES CACHE [background]`.

It continues from the checkpoint in DIRECTORY, as any run does, until UPDATES updates are done, and prints checksums of
the final state. The test kills it at random moments.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.rl import TrainingComponents
from metta_jax.store import BackgroundSaver, load_train_state, save_train_state
from metta_jax.store.arrays import named_leaves
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config


def main() -> None:
    directory, num_updates, cache = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    env = ProbeEnv(game="memory", episode_length=4, staggered=True)
    settings = config(
        batch_size=64,
        minibatch_size=32,
        prioritized_experience_replay={"prio_alpha": 0.7},
        lr_scheduler={"enabled": True},
    )
    training = TrainingComponents.create(env, ProbeAgent(), settings)
    state = load_train_state(directory, training)
    if state is None:
        state = training.init(jax.random.key(5))
    print("ready", int(state.rollout_count), flush=True)
    with BackgroundSaver() as saver:
        while int(state.rollout_count) < num_updates:
            state, _ = training.train_step(state)
            background = saver if "background" in sys.argv else None
            save_train_state(directory, state, training, background=background)
            print("saved", int(state.rollout_count), flush=True)
    print("final", json.dumps({name: digest(leaf) for name, leaf in named_leaves(state).items()}), flush=True)


def digest(leaf: jax.Array) -> str:
    data = jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    return f"{leaf.dtype} {leaf.shape} {hashlib.sha256(np.asarray(data).tobytes()).hexdigest()}"


if __name__ == "__main__":
    main()
