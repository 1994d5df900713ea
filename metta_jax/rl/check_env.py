"""Whether a class of your own is a `BatchEnv`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.mettagrid import BatchEnv
from metta_jax.mettagrid.spaces import ActionSpace
from metta_jax.rl.shapes import Expected, check_arrays, check_attributes


def check_env(env: BatchEnv, key: jax.Array | None = None, num_steps: int = 64) -> None:
    """Raise ValueError, in one line that says what and where, unless `env` keeps the contract of `BatchEnv`.

    Its attributes are there; `reset` and `step` can be compiled, give arrays of the right shapes and dtypes, a state of
    one structure, and the same for the same arguments; episodes are counted where they end. Plays `num_steps` random
    actions from `key` (None: `jax.random.key(0)`). For the tests of your environment.
    """
    check_env_attributes(env)
    key = jax.random.key(0) if key is None else key
    reset_key, action_key = jax.random.split(key)
    pairs = jnp.asarray(ActionSpace.of(env).flat_actions())
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    state, timestep = reset(env.params, reset_key)
    _check_timestep("reset", env, timestep)
    _check_state("reset", env, state, timestep)
    _check_same("reset", (state, timestep), reset(env.params, reset_key))
    _check_limits(env, state)
    shape = (env.num_envs, env.num_agents)
    for number, step_key in enumerate(jax.random.split(action_key, num_steps)):
        actions = pairs[jax.random.randint(step_key, shape, 0, pairs.shape[0], jnp.int32)]
        before, (state, timestep) = state, step(env.params, state, actions)
        where = f"step {number + 1}"
        _check_timestep(where, env, timestep)
        _check_state(where, env, state, timestep)
        _check_structure(where, before, state)
        _check_ends(where, timestep)
        if number == 0:
            _check_same(where, (state, timestep), step(env.params, before, actions))


def check_env_attributes(env: BatchEnv) -> None:
    """Raise ValueError unless `env` has every attribute of a `BatchEnv`, and sizes that are numbers."""
    check_attributes("env", env, BatchEnv, needed=("reset", "step"))
    for name in ("num_envs", "num_agents", "obs_width", "obs_height", "num_observation_tokens"):
        size = getattr(env, name)
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"env.{name}: {size!r} is not a positive integer")
    ActionSpace.of(env)


def _check_timestep(where: str, env: BatchEnv, timestep: Any) -> None:
    rows, agents = env.num_envs, env.num_agents
    per_agent, observation = (rows, agents), (rows, agents, env.num_observation_tokens, 3)
    expected: dict[str, Expected] = {
        "observation": (observation, jnp.uint8),
        "reward": (per_agent, jnp.float32),
        "terminated": (per_agent, jnp.bool),
        "truncated": (per_agent, jnp.bool),
        "final_observation": (observation, jnp.uint8),
        "episode.done": ((rows,), jnp.bool),
        "episode.episode_return": (per_agent, jnp.float32),
        "episode.episode_length": ((rows,), jnp.int32),
    }
    if env.curriculum is not None:
        expected["episode.task"] = ((rows,), jnp.int32)
    check_arrays(f"env: timestep of {where}", timestep, expected)
    if env.unique_tokens:
        _check_unique(where, np.asarray(timestep.observation).reshape(-1, env.num_observation_tokens, 3))


def _check_unique(where: str, observations: np.ndarray) -> None:
    """`observations`: uint8 [N * A, M, 3]."""
    for tokens in observations:
        keys = tokens[tokens[:, 0] != 255, :2]
        unique, count = np.unique(keys, axis=0, return_counts=True)
        if (count > 1).any():
            location, feature = unique[count.argmax()].tolist()
            raise ValueError(
                f"env: timestep of {where}: two tokens for location {location} and feature {feature}, though "
                "unique_tokens is True"
            )


def _check_state(where: str, env: BatchEnv, state: Any, timestep: Any) -> None:
    check_arrays(
        f"env: state of {where}",
        state,
        {"observation": ((env.num_envs, env.num_agents, env.num_observation_tokens, 3), jnp.uint8)},
    )
    if not np.array_equal(state.observation, timestep.observation):
        raise ValueError(f"env: state of {where}: its observation is not that of the timestep")
    for path, leaf in _leaves(state):
        if not isinstance(leaf, jax.Array):
            raise ValueError(f"env: state of {where}: {path} is a {type(leaf).__name__}, not an array")
        if getattr(leaf, "weak_type", False):  # typed keys have none
            raise ValueError(f"env: state of {where}: {path} is weakly typed ({leaf.dtype}); give it a dtype")


def _check_structure(where: str, before: Any, after: Any) -> None:
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise ValueError(f"env: state of {where} has another structure than the one before; it must stay the same")
    for (path, old), (_, new) in zip(_leaves(before), _leaves(after), strict=True):
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            raise ValueError(
                f"env: state of {where}: {path} is {new.dtype}{list(new.shape)}, before it was "
                f"{old.dtype}{list(old.shape)}"
            )


def _check_ends(where: str, timestep: Any) -> None:
    ends = np.asarray(timestep.terminated | timestep.truncated)
    if (ends.all(axis=1) != ends.any(axis=1)).any():
        raise ValueError(f"env: timestep of {where}: an episode ends for some of its agents only; it ends for all")
    if (ends.any(axis=1) != np.asarray(timestep.episode.done)).any():
        raise ValueError(f"env: timestep of {where}: episode.done is not where terminated or truncated is")


def _check_limits(env: BatchEnv, state: Any) -> None:
    limits = env.step_limits(env.params, state)
    if limits.shape != (env.num_envs,) or limits.dtype != jnp.int32:
        raise ValueError(f"env.step_limits: {limits.dtype}{list(limits.shape)} is not int32[{env.num_envs}]")


def _check_same(where: str, first: Any, second: Any) -> None:
    for (path, x), (_, y) in zip(_leaves(first), _leaves(second), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        if not np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f"):
            raise ValueError(f"env: {where}: {path} differs between two calls with the same arguments")


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path).lstrip("."), leaf
