"""A batch of environments of which every device plays its own, without asking the others."""

from __future__ import annotations

from typing import Any, cast

import jax
from jax.sharding import Mesh, PartitionSpec

from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import BatchEnv, VectorEnv
from metta_jax.parallel.mesh import ENVS
from metta_jax.worlds.environment import Environment


class DividedEnv:
    """`env`, but a step runs under `jax.shard_map`: N / D environments on each of D devices.

    A step reads and writes arrays with computed indices, of which the compiler must assume that they are anywhere. Left
    to it, the states of all devices are gathered many times in each step.
    """

    def __init__(self, env: Environment, mesh: Mesh):
        vector = env.vector
        self._env = env
        self._mesh = mesh
        self._local = VectorEnv(
            vector.env, vector.num_envs // mesh.size, curriculum=vector.curriculum, map_fn=vector.map_fn
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also `_env` itself, before __init__ has run
            raise AttributeError(name)
        return getattr(self._env, name)

    def step(self, params: PyTree, state: PyTree, actions: jax.Array) -> tuple[PyTree, PyTree]:
        """As `VectorEnv.step`; `state` and `actions` are divided by environments, and so is what comes back.

        `state.curriculum` is that of `DividedCurriculum.split`: every device steps with its own copy.
        """
        shared, divided = PartitionSpec(), PartitionSpec(ENVS)
        is_per_env = self._env.curriculum is None and params.rules.max_steps.ndim > 0
        specs = jax.tree.map(lambda _: shared, params).replace(rules=divided if is_per_env else shared)
        step = jax.shard_map(
            self._step, mesh=self._mesh, in_specs=(specs, divided, divided), out_specs=divided, check_vma=False
        )
        return step(params, state, actions)

    def _step(self, params: PyTree, state: PyTree, actions: jax.Array) -> tuple[PyTree, PyTree]:
        copy = jax.tree.map(lambda array: array[0], state.curriculum)
        state, timestep = self._local.step(params, state.replace(curriculum=copy), actions)
        return state.replace(curriculum=jax.tree.map(lambda array: array[None], state.curriculum)), timestep


def divide_env(env: BatchEnv, mesh: Mesh) -> BatchEnv:
    """A `DividedEnv`; `env` itself if it is of a custom class, whose `step` may mix environments."""
    if type(env) is not Environment or mesh.size == 1:
        return env
    return cast(BatchEnv, DividedEnv(env, mesh))
