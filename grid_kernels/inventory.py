"""Inventories of agents: int32 [..., I] rows, -1 = no entry; an entry of 0 is possible and can be seen.

Also what resource rewards make of their changes. `...` is any number of lanes, I the number of items.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from grid_kernels.rounding import rounded

_Carry = TypeVar("_Carry", bound=Any)

REWARD_RULES = ("per_item", "per_item_reward", "running_total")
"""What the maximum of an item limits: its pieces that count, its reward, or the sum of all rewards."""

UNROLLED_ITEMS = 12  # longer sums over items, which must keep their order, become loops


class Weights(NamedTuple):
    """Resource rewards of an agent."""

    reward: jax.Array  # float32 [..., I]
    rewarded: jax.Array  # bool [..., I]: whether the item has a reward (it may be 0)
    maximum: jax.Array  # float32 [..., I], the largest one for none


class Purse(NamedTuple):
    """Reward of this step, and the part of the episode's reward that the held resources are worth."""

    reward: jax.Array  # float32 [...]
    current: jax.Array  # float32 [...]


def amounts(inventory: jax.Array) -> jax.Array:
    return jnp.maximum(inventory, 0)


def entries(amount: jax.Array) -> jax.Array:
    """The entry that holds `amount`: none if it is 0."""
    return jnp.where(amount > 0, amount, -1)


def can_afford(inventory: jax.Array, required: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether the items of `required` (`[..., I]`, -1 = not required) are held.

    Items are looked up in their order until one is short. Looking up an item that has no entry creates an entry of 0.

    Returns:
      bool [...] and the inventory with these entries.
    """
    listed = required >= 0
    short = listed & (amounts(inventory) < required)
    item = jnp.arange(inventory.shape[-1], dtype=jnp.int32).reshape((1,) * (inventory.ndim - 1) + (-1,))
    last = jnp.min(jnp.where(short, item, inventory.shape[-1]), axis=-1, keepdims=True)
    looked_up = listed & (item <= last)
    return ~jnp.any(short, axis=-1), jnp.where(looked_up & (inventory < 0), 0, inventory)


def settle(purse: Purse, weights: Weights, change: jax.Array, held: jax.Array, touched: jax.Array, rule: str) -> Purse:
    """Pay the resource rewards for one transaction of an agent.

    Args:
      purse: before it.
      weights: of the agent.
      change: int32 [..., I], by how much each amount changed.
      held: int32 [..., I] amounts after the transaction.
      touched: bool [..., I]: the items that were updated, including those whose amount stayed the same.
      rule: one of `REWARD_RULES`.

    Raises:
      ValueError: there is no such rule.
    """
    if rule not in REWARD_RULES:
        raise ValueError(f"rule: {rule!r} is not one of {', '.join(REWARD_RULES)}")
    counts = touched & weights.rewarded
    if rule != "running_total":
        counted, most = held.astype(jnp.float32), weights.maximum
        if rule == "per_item":
            worth = rounded(weights.reward * jnp.minimum(counted, most))
        else:
            worth = jnp.minimum(rounded(weights.reward * counted), most)
        worth = jnp.where(weights.rewarded & (held > 0), worth, 0.0)
        total = _sum_in_order(worth)
        total = jnp.where(jnp.any(counts, axis=-1), total, purse.current)
        return Purse(purse.reward + (total - purse.current), total)
    gain = rounded(weights.reward * change.astype(jnp.float32))

    def one_item(item: jax.Array | int, purse: Purse) -> Purse:
        gain_i, maximum, counts_i = (_item(x, item) for x in (gain, weights.maximum, counts))
        total = jnp.where(counts_i, jnp.minimum(purse.current + gain_i, maximum), purse.current)
        return Purse(purse.reward + (total - purse.current), total)

    return _for_items(change.shape[-1], one_item, purse)


def settle_both_ways(purse: Purse, weights: Weights, gained: jax.Array, touched: jax.Array) -> Purse:
    """The running-total rule where every item is first gained and then lost again: an agent that robs itself."""
    gain = rounded(weights.reward * gained.astype(jnp.float32))
    counts = touched & weights.rewarded

    def one_item(item: jax.Array | int, purse: Purse) -> Purse:
        gain_i, maximum, counts_i = (_item(x, item) for x in (gain, weights.maximum, counts))
        for change in (gain_i, -gain_i):
            total = jnp.where(counts_i, jnp.minimum(purse.current + change, maximum), purse.current)
            purse = Purse(purse.reward + (total - purse.current), total)
        return purse

    return _for_items(gained.shape[-1], one_item, purse)


def _sum_in_order(x: jax.Array) -> jax.Array:
    zero = jnp.zeros(x.shape[:-1], jnp.float32)
    return _for_items(x.shape[-1], lambda item, total: total + _item(x, item), zero)


def _item(x: jax.Array, item: jax.Array | int) -> jax.Array:
    if isinstance(item, int):
        return x[..., item]
    return jax.lax.dynamic_index_in_dim(x, item, -1, keepdims=False)


def _for_items(num_items: int, body_fn: Callable[[jax.Array | int, _Carry], _Carry], carry: _Carry) -> _Carry:
    if num_items <= UNROLLED_ITEMS:
        for item in range(num_items):
            carry = body_fn(item, carry)
        return carry
    return jax.lax.fori_loop(0, num_items, body_fn, carry)
