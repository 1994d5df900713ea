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
    input_item: jax.Array  # [..., M] int32
    input_amount: jax.Array  # [..., M] int32
    output_item: jax.Array  # [..., N] int32
    output_amount: jax.Array  # [..., N] int32
    max_output: jax.Array  # [...] int32, -1 = no limit
    ticks: jax.Array  # [...] int32
    cooldown: jax.Array  # [...] int32


class Converter(NamedTuple):
    stock: jax.Array  # [..., I] int32
    phase: jax.Array  # [...] int32
    due: jax.Array  # [...] int32, NEVER if idle


class Counts(NamedTuple):
    """What happened, `[...]` int32 each."""

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
    """Starts a conversion where `asked` `[...]` and possible; takes its inputs. `clock` `[...]` is the current step."""
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
    """Runs all events that are due at `clock` or before, also those that follow from them at once."""

    def any_due(loop):
        return jnp.any(loop[0].due <= clock)

    def one_event(loop):
        converter, counts = loop
        due = converter.due <= clock
        finishes = due & (converter.phase == CONVERTING)
        cools = due & (converter.phase == COOLING)
        stock = converter.stock
        for n in range(recipe.output_item.shape[-1]):
            item = recipe.output_item[..., n]
            made = at_item(stock, item) + jnp.where(finishes, recipe.output_amount[..., n], 0)
            stock = set_item(stock, item, jnp.minimum(made, FULLEST))
        rests = finishes & (recipe.cooldown > 0)
        phase = jnp.where(rests, COOLING, jnp.where(due, IDLE, converter.phase))
        next_due = jnp.where(rests, clock + recipe.cooldown, jnp.where(due, NEVER, converter.due))
        completed, cooled = finishes.astype(jnp.int32), cools.astype(jnp.int32)
        counts = counts._replace(completed=counts.completed + completed, cooled=counts.cooled + cooled)
        return try_start(Converter(stock, phase, next_due), recipe, counts, clock, due & ~rests)

    return jax.lax.while_loop(any_due, one_event, (converter, counts))
