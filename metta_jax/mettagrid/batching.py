"""The step of one environment under `jax.vmap`: the step of a batch, not that of one environment many times.

JAX would batch the operations of one environment one by one, and lose what makes a batch fast: chunks that fit the
cache on a CPU, and loops that carry little.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import step
from metta_jax.mettagrid.chunks import in_chunks
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout, TimeStep

StepFn = Callable[[EnvParams, EnvState, jax.Array, jax.Array], tuple[EnvState, TimeStep]]


def single_step(layout: Layout) -> StepFn:
    """`step_fn(params, state, actions, keys)` of one environment; see `step.step` for a batch."""

    @custom_vmap
    def step_fn(params: EnvParams, state: EnvState, actions: jax.Array, keys: jax.Array) -> tuple[EnvState, TimeStep]:
        batch = jax.tree.map(lambda x: x[None], (state, actions, keys))
        return jax.tree.map(lambda x: x[0], step.step(layout, shared_rules(params), *batch))

    @step_fn.def_vmap
    def _(axis_size: int, in_batched: Any, params: EnvParams, *batch: Any) -> tuple[Any, Any]:
        params_batched, *batched = in_batched
        state, actions, keys = _all_batched(axis_size, tuple(batched), tuple(batch))
        num_maps = params.maps.height.shape[-1]
        has_own_maps, has_own_rules = (any(jax.tree.leaves(x)) for x in (params_batched.maps, params_batched.rules))
        index, maps, rules = state.map_index, params.maps, params.rules
        if has_own_maps:  # one pool of all maps
            pools = _all_batched(axis_size, params_batched.maps, maps)
            maps = jax.tree.map(lambda x: x.reshape(axis_size * num_maps, *x.shape[2:]), pools)
            state = state.replace(map_index=index + jnp.arange(axis_size, dtype=jnp.int32) * num_maps)
        rules = _all_batched(axis_size, params_batched.rules, rules) if has_own_rules else shared_rules(params).rules

        def play(rules: Any, _: None, state: EnvState, actions: jax.Array, keys: jax.Array) -> Any:
            return None, *step.step(layout, EnvParams(rules=rules, maps=maps), state, actions, keys)

        _, state, timestep = in_chunks(layout, axis_size, play, rules, not has_own_rules, None, state, actions, keys)
        out = (state.replace(map_index=index), timestep)
        return out, jax.tree.map(lambda _: True, out)

    return step_fn


def shared_rules(params: EnvParams) -> EnvParams:
    """Parameters whose rules have the leading axis of a batch that shares them."""
    return params.replace(rules=jax.tree.map(lambda x: x[None], params.rules))


def _all_batched(axis_size: int, batched: Any, tree: PyTree) -> Any:
    """`tree` with a leading axis everywhere."""

    def one(is_batched: bool, x: jax.Array) -> jax.Array:
        return x if is_batched else jnp.broadcast_to(x[None], (axis_size, *x.shape))

    return jax.tree.map(one, batched, tree)
