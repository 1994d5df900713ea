"""What training takes as a batch of environments: `Environment`, or a class of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from metta_jax.config import EnvConfig
from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid.engine_path import EnginePath
from metta_jax.mettagrid.vector import TaskChooser


class BatchEnv(Protocol):
    """N environments of A agents each that reset themselves, as pure functions.

    An instance never changes: what is compiled for it is kept with it. Inherit from this class: attributes with a value
    here are optional then. `metta_jax.rl.check_env` tests an instance. M is the
    number of observation tokens, see `docs/engine.md`.
    """

    num_envs: int  # N
    num_agents: int  # A
    obs_width: int  # of the window that tokens lie in, 1..15
    obs_height: int
    num_observation_tokens: int  # M
    action_names: Sequence[str]
    max_action_args: Sequence[int]  # the largest argument of each action

    params: PyTree  # arrays, an argument of `reset` and `step`; the device it is on is where a run computes
    curriculum: TaskChooser | None = None  # decides the task of each episode; its state is `state.curriculum`
    task_names: Sequence[str] = ()
    env_config: EnvConfig | None = None  # the world, or the first of several, in which replays are recorded
    agent_stat_names: Sequence[Mapping[str, int]] = ()  # of each group of agents, where a statistic is in `agent_stats`
    truncates: bool = True  # whether episodes can end by truncation; False saves a forward pass
    path: EnginePath | None = None  # None: that of the device
    unique_tokens: bool = False  # whether no observation has two tokens for one location and feature; saves memory

    def reset(self, params: PyTree, key: jax.Array) -> tuple[PyTree, PyTree]:
        """The first state and timestep; consumes `key`.

        Returns:
          state: a pytree of arrays with an `observation`, uint8 [N, A, M, 3], and the same structure after every step.
          timestep: with the fields of `VectorTimeStep`.
        """
        ...

    def step(self, params: PyTree, state: PyTree, actions: jax.Array) -> tuple[PyTree, PyTree]:
        """The next state and timestep; where an episode ended, the next one has started. `actions`: int32 [N, A, 2]."""
        ...

    def get_observation_features(self) -> Mapping[str, Mapping[str, Any]]:
        """{feature name: {"id": int, "normalization": float}}; a policy reads features by these names."""
        return {}

    def step_limits(self, params: PyTree, state: PyTree) -> jax.Array:
        """The step limit of a full episode in each environment, int32 [N]; 0 if there is none."""
        del params, state
        return jnp.zeros((self.num_envs,), jnp.int32)
