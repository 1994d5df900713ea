"""Who acts before whom.

Every agent has a sort key, uint32 and unique within its environment: the smaller one acts first. Work that cannot be
done for all agents at once is done for one agent of every environment at a time, the pending one with the smallest key.
B environments, A agents.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def random_keys(bits: jax.Array) -> jax.Array:
    """`[..., A]` uint32 sort keys of a uniformly random order, from as many random bits.

    The low byte (or two) is the agent's index, which breaks ties: a permutation without a sort.
    """
    num_agents = bits.shape[-1]
    low = jnp.uint32((1 << max(num_agents - 1, 1).bit_length()) - 1)
    return bits & ~low | jnp.arange(num_agents, dtype=jnp.uint32).reshape((1,) * (bits.ndim - 1) + (-1,))


def keys_of_order(order: jax.Array) -> jax.Array:
    """`[B, A]` uint32 sort keys of `order` `[B, A]` int32: the agents in the order in which they act."""
    batch, num_agents = order.shape
    place = jnp.broadcast_to(jnp.arange(num_agents, dtype=jnp.uint32)[None], order.shape)
    flat = order + (jnp.arange(batch, dtype=jnp.int32) * num_agents)[:, None]
    keys = jnp.zeros((batch * num_agents,), jnp.uint32).at[flat].set(place, mode="promise_in_bounds")
    return keys.reshape(batch, num_agents)


def one_by_one(
    pending: jax.Array, keys: jax.Array, act_fn: Callable[[jax.Array, jax.Array, Any], Any], carry: Any
) -> Any:
    """Calls `act_fn(agent, acts, carry)` until nobody is pending.

    Each round takes one agent of every environment; `acts` `[B]` is False where an environment has none left. There are
    as many rounds as the environment with the most pending agents needs, so keep to this what cannot be done at once.
    """

    def any_left(loop):
        return jnp.any(loop[0])

    def one_round(loop):
        left, carry = loop
        agent = jnp.argmin(jnp.where(left, keys, jnp.uint32(0xFFFFFFFF)), axis=1).astype(jnp.int32)
        acts = jnp.any(left, axis=1)
        index = jnp.arange(left.shape[1], dtype=jnp.int32)
        left &= index[None] != agent[:, None]
        return left, act_fn(agent, acts, carry)

    return jax.lax.while_loop(any_left, one_round, (pending, carry))[1]
