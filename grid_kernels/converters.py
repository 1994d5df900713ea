"""Converters: objects that turn items into other items over time.

A converter is idle, converting or cooling, and has at most one pending event, at step `due`. `...` is any number of
lanes, I the number of items. A recipe lists its inputs and outputs in item order; unused slots have amount 0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import at_item, set_item

IDLE, CONVERTING, COOLING = 0, 1, 2
NEVER = 0x7FFFFFFF
FULLEST = 255  # the largest amount of an item that a converter holds


class Recipe(NamedTuple):
    input_item: jax.Array  # int32 [..., inputs]
    input_amount: jax.Array  # int32 [..., inputs]
    output_item: jax.Array  # int32 [..., outputs]
    output_amount: jax.Array  # int32 [..., outputs]
    max_output: jax.Array  # int32 [...], -1 = no limit
    ticks: jax.Array  # int32 [...]
    cooldown: jax.Array  # int32 [...]


class Converter(NamedTuple):
    stock: jax.Array  # int32 [..., I]
    phase: jax.Array  # int32 [...]
    due: jax.Array  # int32 [...], NEVER if idle; wraps if it lies beyond the end of the clock


class Counts(NamedTuple):
    """What happened, int32 [...] each."""

    full: jax.Array  # attempts to start that were refused because the output is full
    short: jax.Array  # ... because an input is short
    started: jax.Array
    completed: jax.Array
    cooled: jax.Array


def no_counts(shape: tuple[int, ...]) -> Counts:
    return Counts(*(jnp.zeros(shape, jnp.int32) for _ in Counts._fields))


def try_start(
    converter: Converter, recipe: Recipe, counts: Counts, clock: jax.Array, asked: jax.Array
) -> tuple[Converter, Counts]:
    """Start a conversion where `asked` `[...]` and possible; take its inputs. `clock` `[...]` is the current step."""
    asked = asked & (converter.phase == IDLE)
    stored = jnp.zeros_like(recipe.max_output)
    for n in range(recipe.output_item.shape[-1]):
        held = at_item(converter.stock, recipe.output_item[..., n])
        stored += jnp.where(recipe.output_amount[..., n] > 0, held, 0)
    full = asked & (recipe.max_output >= 0) & (stored >= recipe.max_output)
    short = jnp.zeros_like(full)
    for m in range(recipe.input_item.shape[-1]):
        short |= at_item(converter.stock, recipe.input_item[..., m]) < recipe.input_amount[..., m]
    short &= asked & ~full
    starts = asked & ~full & ~short
    stock = converter.stock
    for m in range(recipe.input_item.shape[-1]):
        item = recipe.input_item[..., m]
        stock = set_item(stock, item, at_item(stock, item) - jnp.where(starts, recipe.input_amount[..., m], 0))
    phase = jnp.where(starts, CONVERTING, converter.phase)
    due = jnp.where(starts, clock + recipe.ticks, converter.due)
    full, short, started = (x.astype(jnp.int32) for x in (full, short, starts))
    counts = counts._replace(full=counts.full + full, short=counts.short + short, started=counts.started + started)
    return Converter(stock, phase, due), counts


def run_events(converter: Converter, recipe: Recipe, counts: Counts, clock: jax.Array) -> tuple[Converter, Counts]:
    """Run all events that are due at `clock` or before, including those that follow from them immediately.

    The stock keeps its dtype: what goes through the loop should be small.
    """
    dtype = converter.stock.dtype

    def is_due(converter: Converter) -> jax.Array:
        # By the difference, which is right also for an event beyond the end of the clock, and by the phase: at the very
        # end the clock shows what NEVER is.
        return (clock - converter.due >= 0) & (converter.phase != IDLE)

    def any_due(loop: tuple[Converter, Counts]) -> jax.Array:
        return jnp.any(is_due(loop[0]))

    def one_event(loop: tuple[Converter, Counts]) -> tuple[Converter, Counts]:
        converter, counts = loop
        due = is_due(converter)
        finishes = due & (converter.phase == CONVERTING)
        cools = due & (converter.phase == COOLING)
        stock = converter.stock.astype(jnp.int32)
        for n in range(recipe.output_item.shape[-1]):
            item = recipe.output_item[..., n]
            made = at_item(stock, item) + jnp.where(finishes, recipe.output_amount[..., n], 0)
            stock = set_item(stock, item, jnp.minimum(made, FULLEST))
        rests = finishes & (recipe.cooldown > 0)
        phase = jnp.where(rests, COOLING, jnp.where(due, IDLE, converter.phase))
        next_due = jnp.where(rests, clock + recipe.cooldown, jnp.where(due, NEVER, converter.due))
        completed, cooled = finishes.astype(jnp.int32), cools.astype(jnp.int32)
        counts = counts._replace(completed=counts.completed + completed, cooled=counts.cooled + cooled)
        converter, counts = try_start(Converter(stock, phase, next_due), recipe, counts, clock, due & ~rests)
        return converter._replace(stock=converter.stock.astype(dtype)), counts

    return jax.lax.while_loop(any_due, one_event, (converter, counts))
