"""Who acts before whom.

Every agent has a sort key, uint32 and unique within its environment: the smaller one acts first. Interactions are
resolved in rounds: in each round, agents whose actions cannot affect one another act at once. N environments, A agents;
an environment has A lanes in a round, one for each agent, or a single one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick


class Turn(NamedTuple):
    """The agents that act in one round."""

    agent: jax.Array | None  # int32 [N, 1]: the agent of the only lane; None: lane i is agent i
    acts: jax.Array  # bool [N, lanes]


def random_keys(bits: jax.Array) -> jax.Array:
    """uint32 [..., A] sort keys of a uniformly random order, from as many random bits.

    The low byte (or two) is the agent's index, which breaks ties: a permutation without a sort.
    """
    num_agents = bits.shape[-1]
    low = jnp.uint32((1 << max(num_agents - 1, 1).bit_length()) - 1)
    return bits & ~low | jnp.arange(num_agents, dtype=jnp.uint32).reshape((1,) * (bits.ndim - 1) + (-1,))


def keys_of_order(order: jax.Array) -> jax.Array:
    """uint32 [N, A] sort keys of `order` int32 [N, A]: the agents in the order in which they act."""
    batch, num_agents = order.shape
    place = jnp.broadcast_to(jnp.arange(num_agents, dtype=jnp.uint32)[None], order.shape)
    flat = order + (jnp.arange(batch, dtype=jnp.int32) * num_agents)[:, None]
    keys = jnp.zeros((batch * num_agents,), jnp.uint32)
    keys = keys.at[flat].set(place, mode="promise_in_bounds", unique_indices=True)
    return keys.reshape(batch, num_agents)


def in_rounds(
    pending: jax.Array,
    keys: jax.Array,
    footprint: jax.Array,
    act_fn: Callable[[Turn, Any], Any],
    carry: Any,
    *,
    wide: bool,
) -> Any:
    """Call `carry = act_fn(turn, carry)` until every pending agent has acted, with the result of acting in turn.

    Wide, an agent acts as soon as no earlier pending agent touches what it touches, so there are as many rounds as the
    longest chain of agents that meet. Otherwise the next agent of every environment acts: more rounds with less work
    in each, which a CPU prefers.

    Args:
      pending: bool [N, A], who is to act.
      keys: uint32 [N, A] sort keys.
      footprint: int32 [N, A, things], the shared things that each agent reads or writes. Agents whose footprints share
        no number may act in either order.
      act_fn: see above; lanes with `turn.acts` False must change nothing.
      carry: any pytree.
      wide: see above.
    """
    num_agents = keys.shape[1]
    agents = jnp.arange(num_agents, dtype=jnp.int32)[None]
    if wide:
        meets = jnp.any(footprint[:, :, None, :, None] == footprint[:, None, :, None, :], axis=(3, 4))
        waits_for = meets & (keys[:, None] < keys[:, :, None])  # [N, A, A]: the first agent for the second

    def next_turn(left: jax.Array) -> tuple[Turn, jax.Array]:
        if wide:
            acts = left & ~jnp.any(waits_for & left[:, None], axis=2)
            return Turn(None, acts), left & ~acts
        agent = jnp.argmin(jnp.where(left, keys, jnp.uint32(0xFFFFFFFF)), axis=1, keepdims=True).astype(jnp.int32)
        return Turn(agent, jnp.any(left, axis=1, keepdims=True)), left & (agents != agent)

    def any_left(loop: tuple[jax.Array, Any]) -> jax.Array:
        return jnp.any(loop[0])

    def one_round(loop: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        left, carry = loop
        turn, left = next_turn(left)
        return left, act_fn(turn, carry)

    return jax.lax.while_loop(any_left, one_round, (pending, carry))[1]


def own(turn: Turn, tree: Any) -> Any:
    """The rows of the acting agents: leaves `[N, A, ...]` become `[N, lanes, ...]`."""
    if turn.agent is None:
        return tree
    agent = turn.agent
    return jax.tree.map(lambda x: pick(x, agent), tree)


def write_own(turn: Turn, tree: Any, new: Any) -> Any:
    """The inverse of `own`: `tree` with the rows of the agents that act replaced by `new` `[N, lanes, ...]`."""
    acts = turn.acts
    if turn.agent is not None:
        num_agents = jax.tree.leaves(tree)[0].shape[1]
        acts = acts & (jnp.arange(num_agents, dtype=jnp.int32)[None] == turn.agent)
    return jax.tree.map(lambda x, y: jnp.where(_over(acts, x), y.astype(x.dtype), x), tree, new)


class Delivery(NamedTuple):
    """Which lane writes to which row."""

    lane: jax.Array | None  # int32 [N, n]; None: there is only one lane
    arrives: jax.Array  # bool [N, n]


def deliver(meets: jax.Array) -> Delivery:
    """From `meets` bool [N, n, lanes], whether a lane writes to a row; at most one lane may write to each."""
    if meets.shape[2] == 1:
        return Delivery(None, meets[..., 0])
    lane = jnp.arange(meets.shape[2], dtype=jnp.int32)[None, None]
    lane = jnp.max(jnp.where(meets, lane, -1), axis=2)
    return Delivery(jnp.maximum(lane, 0), lane >= 0)


def received(delivery: Delivery, new: jax.Array) -> jax.Array:
    """`[N, n, ...]`: the rows of `new` `[N, lanes, ...]` where they are delivered to; zero where none is."""
    sent = _sent(delivery, new)
    return jnp.where(_over(delivery.arrives, sent), sent, jnp.zeros((), sent.dtype))


def write_to(delivery: Delivery, tree: Any, new: Any) -> Any:
    """`tree` `[N, n, ...]` with the rows that a lane writes replaced by that lane's of `new` `[N, lanes, ...]`."""

    def write(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.where(_over(delivery.arrives, x), _sent(delivery, y).astype(x.dtype), x)

    return jax.tree.map(write, tree, new)


def _sent(delivery: Delivery, new: jax.Array) -> jax.Array:
    return new if delivery.lane is None else pick(new, delivery.lane)


def _over(mask: jax.Array, x: jax.Array) -> jax.Array:
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
