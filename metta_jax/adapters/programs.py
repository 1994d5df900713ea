"""The compiled functions of the adapters, shared by all environments of one layout.

They take the layout as a static argument, so the second environment of a world compiles nothing. N environments, A
agents.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from grid_kernels.turns import keys_of_order
from metta_jax.mettagrid import EnvParams, EnvState, TimeStep
from metta_jax.mettagrid import step as engine
from metta_jax.mettagrid.batching import shared_rules
from metta_jax.mettagrid.environment import drawn_keys
from metta_jax.mettagrid.resets import next_keys, replace_all
from metta_jax.mettagrid.types import Layout


@functools.partial(jax.jit, static_argnums=0)
def reset(layout: Layout, params: EnvParams, keys: jax.Array) -> tuple[EnvState, TimeStep]:
    """Start N episodes; environment i is `MettaGrid.reset` with key i of `keys` [N]."""
    pairs = jax.vmap(jax.random.split)(keys)
    rules = params.rules
    drawn = jax.vmap(lambda key: jax.random.randint(key, (), 0, rules.num_maps, jnp.int32))(pairs[:, 0])
    return engine.reset(layout, shared_rules(params), pairs[:, 1], rules.first_map + drawn)


@functools.partial(jax.jit, static_argnums=0)
def step(
    layout: Layout, params: EnvParams, state: EnvState, actions: jax.Array, order: jax.Array | None
) -> tuple[EnvState, TimeStep]:
    """One step of N environments without a reset.

    Actions int32 [N, A, 2], order int32 [N, A]; None draws one."""
    keys = drawn_keys(state, layout.num_agents) if order is None else keys_of_order(order)
    return engine.step(layout, shared_rules(params), state, actions, keys)


@functools.partial(jax.jit, static_argnums=0)
def restart(
    layout: Layout, params: EnvParams, before: EnvState, state: EnvState, observation: jax.Array, ended: jax.Array
) -> tuple[EnvState, jax.Array]:
    """`state` and `observation`, with the episodes that follow those of `before` in the environments `ended`, bool [N].

    They are the same episodes that a `VectorEnv` would continue with.
    """

    def fresh(rows: jax.Array) -> tuple[EnvState, jax.Array]:
        new, timestep = reset(layout, params, next_keys(before.key[rows]))
        return new, timestep.observation

    return replace_all(ended, fresh, (state, observation))
