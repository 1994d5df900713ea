"""What the tests of several devices share: one small run, compiled once, and comparison up to rounding."""

from __future__ import annotations

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.parallel import ShardedTraining
from metta_jax.rl import TrainingComponents, TrainState
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config


@functools.cache
def make_training(num_envs: int = 4) -> TrainingComponents:
    """Two agents in each environment; rows of the buffer are drawn by priority."""
    settings = config(prioritized_experience_replay={"prio_alpha": 0.7}, optimizer={"learning_rate": 0.01})
    return TrainingComponents.create(ProbeEnv(num_envs=num_envs), ProbeAgent(), settings)


def assert_close(actual: Any, expected: Any) -> None:
    """Integers are equal, other numbers up to rounding."""
    leaves = jax.tree_util.tree_leaves_with_path(expected)
    for (path, x), y in zip(leaves, jax.tree.leaves(actual), strict=True):
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        message = jax.tree_util.keystr(path)
        if jnp.issubdtype(x.dtype, jnp.floating):
            np.testing.assert_allclose(np.asarray(y), np.asarray(x), rtol=1e-4, atol=1e-5, err_msg=message)
        else:
            np.testing.assert_array_equal(np.asarray(y), np.asarray(x), err_msg=message)


def assert_same_run(
    training: TrainingComponents, sharded: ShardedTraining, key: jax.Array, num_steps: int = 3
) -> TrainState:
    """Train on one device and on several, and compare; returns the state of the divided run."""
    one, two = training.init(key), sharded.init(key)
    for _ in range(num_steps):
        one, metrics = training.train_step(one)
        two, sharded_metrics = sharded.train_step(two)
        assert_close(sharded_metrics, metrics)
    assert_close(two, one)
    return two


def decided(params: Any) -> Any:
    """Parameters of `fast` or a network like it, without the bias of `_action_`.

    Adding one number to all logits changes no policy, so that bias has a gradient of mere rounding.
    """
    return {**params, "_action_": {**params["_action_"], "bias": jnp.zeros((1,), jnp.float32)}}


def assert_equal(actual: Any, expected: Any) -> None:
    leaves = jax.tree_util.tree_leaves_with_path(expected)
    for (path, x), y in zip(leaves, jax.tree.leaves(actual), strict=True):
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(np.asarray(y), np.asarray(x), err_msg=jax.tree_util.keystr(path))


def exchanges(text: str | None) -> list[str]:
    """The collective operations of a compiled program, by their names."""
    kinds = "all-gather|all-reduce|all-to-all|collective-permute|collective-broadcast|reduce-scatter|ragged-all-to-all"
    return re.findall(rf"({kinds})(?:-start)?\(", str(text))
