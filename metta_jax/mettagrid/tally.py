"""What one step adds to statistics: how much, in how many updates, and what the first of them added.

The values alone ("totals") need only the amounts. Of the order of updates within a step, only the first one matters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from metta_jax.mettagrid.types import StatsLevel


class Tally(NamedTuple):
    """int32 [..., K] each, for K statistics."""

    amount: jax.Array
    updates: jax.Array | None  # None unless all is kept ("full")
    first: jax.Array | None


def no_tally(shape: tuple[int, ...], level: StatsLevel) -> Tally:
    zero = jnp.zeros(shape, jnp.int32)
    return Tally(zero, zero, zero) if level == "full" else Tally(zero, None, None)


def also(tally: Tally, amount: jax.Array) -> Tally:
    """One more update of every statistic with `amount` `[..., K]` > 0."""
    amount = amount.astype(jnp.int32)
    total = tally.amount + amount
    if tally.updates is None or tally.first is None:
        return tally._replace(amount=total)
    happened = amount > 0
    first = jnp.where(happened & (tally.updates == 0), amount, tally.first)
    return Tally(total, tally.updates + happened.astype(jnp.int32), first)


def counted(count: jax.Array, level: StatsLevel) -> Tally:
    """`count` `[..., K]` updates by 1 each."""
    count = count.astype(jnp.int32)
    return Tally(count, count, jnp.minimum(count, 1)) if level == "full" else Tally(count, None, None)


def joined(*tallies: Tally) -> Tally:
    """Several families of statistics, in sequence."""

    def join(parts: list[jax.Array | None]) -> jax.Array | None:
        kept = [part for part in parts if part is not None]
        return jnp.concatenate(kept, axis=-1) if kept else None

    amount = jnp.concatenate([tally.amount for tally in tallies], axis=-1)
    return Tally(amount, join([tally.updates for tally in tallies]), join([tally.first for tally in tallies]))
