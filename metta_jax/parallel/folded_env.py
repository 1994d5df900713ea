"""Environments of several runs stepped as one batch under `jax.vmap`."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import BatchEnv, VectorEnv
from metta_jax.worlds.environment import Environment


class FoldedEnv:
    """`env`, except that under `jax.vmap` the steps of P runs become one step of P x N environments.

    Plain vmap computes both sides of every branch, so every step would reset all environments. One batch resets only
    those whose episode ended, at the cost of one run with as many environments. Integers are the same.
    """

    def __init__(self, env: Environment):
        self._env = env
        vector = env.vector

        @custom_vmap
        def step(params: PyTree, state: PyTree, actions: jax.Array) -> tuple[PyTree, PyTree]:
            return vector.step(params, state, actions)

        @step.def_vmap
        def _(axis_size: int, in_batched: Any, params: PyTree, state: PyTree, actions: jax.Array) -> tuple[Any, Any]:
            if any(jax.tree.leaves(in_batched[0])):
                raise ValueError(
                    "params: all members of a population must share the rules and maps of their environment"
                )
            batch = VectorEnv(vector.env, axis_size * vector.num_envs, map_fn=vector.map_fn)
            if params.rules.max_steps.ndim:  # of each environment
                rules = jax.tree.map(lambda x: jnp.concatenate([x] * axis_size), params.rules)
                params = params.replace(rules=rules)
            folded = jax.tree.map(
                lambda is_batched, x: _folded(x if is_batched else jnp.broadcast_to(x[None], (axis_size, *x.shape))),
                tuple(in_batched[1:]),
                (state, actions),
            )
            out = jax.tree.map(
                lambda x: x.reshape(axis_size, vector.num_envs, *x.shape[1:]), batch.step(params, *folded)
            )
            return out, jax.tree.map(lambda _: True, out)

        self._step = step

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also `_env` itself, before __init__ has run
            raise AttributeError(name)
        return getattr(self._env, name)

    def step(self, params: PyTree, state: PyTree, actions: jax.Array) -> tuple[PyTree, PyTree]:
        """As `VectorEnv.step`."""
        return self._step(params, state, actions)


def fold_env(env: BatchEnv) -> BatchEnv | None:
    """A `FoldedEnv`; None if a curriculum ties its environments together, or if it is of another class."""
    if type(env) is not Environment or env.curriculum is not None:
        return None
    return cast(BatchEnv, FoldedEnv(env))


def _folded(x: jax.Array) -> jax.Array:
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
