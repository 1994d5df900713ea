"""Taking the products of a converter, and giving it its inputs.

One agent and one converter a lane; `...` is any number of lanes, I the number of items. Items move one by one, in item
order, and after every one the converter tries to start.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.converters import FULLEST, Converter, Counts, Recipe, try_start
from grid_kernels.gather import at_item, set_item
from grid_kernels.inventory import amounts, entries


class Exchange(NamedTuple):
    inventory: jax.Array  # int32 [..., I], the agent's
    converter: Converter
    counts: Counts
    moved: jax.Array  # int32 [..., I]: how much of each item changed hands
    touched: jax.Array  # bool [..., I]: items of the agent that were updated, even if nothing moved


def get_outputs(
    inventory: jax.Array,
    limit: jax.Array,
    converter: Converter,
    recipe: Recipe,
    counts: Counts,
    clock: jax.Array,
    acts: jax.Array,
) -> Exchange:
    """The agent takes all it can carry of each output item; `limit` int32 [..., I], `acts` bool [...]."""
    moved, touched = jnp.zeros_like(inventory), jnp.zeros(inventory.shape, bool)
    for n in range(recipe.output_item.shape[-1]):
        item = recipe.output_item[..., n]
        stored = at_item(converter.stock, item)
        offered = acts & (recipe.output_amount[..., n] > 0) & (stored > 0)
        old = amounts(at_item(inventory, item))
        new = jnp.clip(old + stored, 0, at_item(limit, item))
        taken = jnp.where(offered, new - old, 0)
        inventory = set_item(inventory, item, jnp.where(offered, entries(new), at_item(inventory, item)))
        stock = set_item(converter.stock, item, stored - jnp.maximum(taken, 0))
        moved = set_item(moved, item, at_item(moved, item) + taken)
        touched = set_item(touched, item, at_item(touched, item) | offered)
        converter, counts = try_start(converter._replace(stock=stock), recipe, counts, clock, taken > 0)
    return Exchange(inventory, converter, counts, moved, touched)


def put_inputs(
    inventory: jax.Array, converter: Converter, recipe: Recipe, counts: Counts, clock: jax.Array, acts: jax.Array
) -> Exchange:
    """The agent gives of each input item what one conversion needs, or what it has."""
    moved, touched = jnp.zeros_like(inventory), jnp.zeros(inventory.shape, bool)
    for m in range(recipe.input_item.shape[-1]):
        item = recipe.input_item[..., m]
        held = amounts(at_item(inventory, item))
        given = jnp.minimum(recipe.input_amount[..., m], held)
        offered = acts & (given > 0)
        stored = at_item(converter.stock, item)
        taken = jnp.where(offered, jnp.minimum(stored + given, FULLEST) - stored, 0)
        gives = taken > 0  # a full converter takes nothing, but is asked
        inventory = set_item(inventory, item, jnp.where(gives, entries(held - taken), at_item(inventory, item)))
        stock = set_item(converter.stock, item, stored + taken)
        moved = set_item(moved, item, at_item(moved, item) + taken)
        touched = set_item(touched, item, at_item(touched, item) | gives)
        converter, counts = try_start(converter._replace(stock=stock), recipe, counts, clock, offered)
    return Exchange(inventory, converter, counts, moved, touched)
