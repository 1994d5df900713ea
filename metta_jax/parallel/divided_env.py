"""A batch of environments of which every device plays its own, without asking the others."""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from metta_jax.mettagrid import VectorEnv
from metta_jax.parallel.mesh import ENVS
from metta_jax.worlds.environment import Environment


class DividedEnv:
    """`env`, but a step runs under `jax.shard_map`: N / D environments on each of D devices.

    A step reads and writes arrays with computed indices, of which the compiler must assume that they are anywhere. Left
    to it, the states of all devices are gathered many times in each step.
    """

    def __init__(self, env: Environment | VectorEnv, mesh: Mesh):
        vector = _vector(env)
        self._env = env
        self._mesh = mesh
        self._local = VectorEnv(vector.env, vector.num_envs // mesh.size, map_fn=vector.map_fn)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also `_env` itself, before __init__ has run
            raise AttributeError(name)
        return getattr(self._env, name)

    def step(self, params: Any, state: Any, actions: jax.Array) -> tuple[Any, Any]:
        """As `VectorEnv.step`; `state` and `actions` are divided by environments, and so is what comes back."""
        shared, divided = PartitionSpec(), PartitionSpec(ENVS)
        of_rules = divided if params.rules.max_steps.ndim else shared
        specs = jax.tree.map(lambda _: shared, params).replace(rules=of_rules)
        step = jax.shard_map(
            self._local.step, mesh=self._mesh, in_specs=(specs, divided, divided), out_specs=divided, check_vma=False
        )
        return step(params, state, actions)


def divide_env(env: Any, mesh: Mesh) -> Any:
    """A `DividedEnv`; `env` itself if a curriculum ties its environments together, or if it is of another class.

    A class of the user's may do what it likes in its own `step`.
    """
    independent = type(env) in (Environment, VectorEnv) and env.curriculum is None
    return DividedEnv(env, mesh) if independent and mesh.size > 1 else env


def _vector(env: Environment | VectorEnv) -> VectorEnv:
    return env.vector if isinstance(env, Environment) else env
