"""What all actions have in common: who may act, what it costs, what a failure costs.

All arrays have a leading axis B; `[B, n]` are lanes: either all agents, or one agent of every environment.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick, put
from grid_kernels.inventory import Purse, Weights, amounts, can_afford, entries, settle
from metta_jax.mettagrid.stats import Event, agent_stats, by_item, record
from metta_jax.mettagrid.types import Layout, Rules, Stats

# What became of an agent's action.
NOTHING, INVALID_TYPE, INVALID_ARG, FROZEN, FAILED, SUCCEEDED = range(6)


class Intent(NamedTuple):
    """The actions of one step, `[B, A]`."""

    type: jax.Array  # int32 as given
    argument: jax.Array  # int32 as given
    is_valid_type: jax.Array  # bool
    is_valid_arg: jax.Array  # bool
    keys: jax.Array  # uint32 sort keys of the order in which agents act


class Body(NamedTuple):
    """What actions change about agents, `[B, A, ...]`."""

    inventory: jax.Array  # [B, A, I] int16
    frozen: jax.Array  # [B, A] int32
    purse: Purse
    outcome: jax.Array  # [B, A] int32


def read_intent(layout: Layout, actions: jax.Array, keys: jax.Array) -> Intent:
    kind, argument = actions[..., 0], actions[..., 1]
    is_valid_type = (kind >= 0) & (kind < len(layout.actions))
    largest = jnp.asarray(layout.max_args, jnp.int32)
    largest = largest.at[jnp.where(is_valid_type, kind, 0)].get(mode="promise_in_bounds")
    is_valid_arg = (argument <= largest) & ((kind != layout.action("rotate")) | (argument >= 0))
    return Intent(kind, argument, is_valid_type, is_valid_arg, keys)


def weights_of(rules: Rules, group: jax.Array) -> Weights:
    return Weights(*(pick(x, group) for x in rules.weights))


def begin(layout: Layout, rules: Rules, body: Body, intent: Intent, acts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What hinders the acting agents of all lanes: an outcome up to FROZEN or FAILED (cannot pay), or SUCCEEDED so far.

    Returns:
      The outcome `[B, A]`, NOTHING where an agent does not act, and the inventory after looking up what is required.
    """
    outcome = jnp.where(intent.is_valid_arg, SUCCEEDED, INVALID_ARG)
    outcome = jnp.where(intent.is_valid_arg & (body.frozen > 0), FROZEN, outcome)
    inventory = body.inventory
    if layout.has_costs:
        kind = jnp.where(intent.is_valid_type, intent.type, 0)
        affordable, looked_up = can_afford(inventory.astype(jnp.int32), pick(rules.required, kind))
        tries = acts & intent.is_valid_type & (outcome == SUCCEEDED)
        inventory = jnp.where(tries[..., None], looked_up.astype(inventory.dtype), inventory)
        outcome = jnp.where((outcome == SUCCEEDED) & ~affordable, FAILED, outcome)
    outcome = jnp.where(intent.is_valid_type, outcome, INVALID_TYPE)
    return jnp.where(acts, outcome, NOTHING), inventory


def finish(
    layout: Layout,
    rules: Rules,
    body: Body,
    stats: Stats | None,
    intent: Intent,
    owner: jax.Array,
    group: jax.Array,
    step: jax.Array,
    outcome: jax.Array,
) -> tuple[Body, Stats | None]:
    """Takes what successful actions consume, and the penalties and frozen ticks of the others, of all lanes.

    `owner` `[B, n]` are the agents of the lanes, `group` their groups.
    """
    body = body._replace(outcome=jnp.where(outcome != NOTHING, outcome, body.outcome))
    fails = (outcome == FAILED) | (outcome == INVALID_TYPE) | (outcome == INVALID_ARG)
    penalty = jnp.where(fails, pick(rules.failure_penalty, group), 0.0)
    body = body._replace(
        frozen=body.frozen - (outcome == FROZEN).astype(jnp.int32),
        purse=body.purse._replace(reward=body.purse.reward - penalty),
    )
    if not layout.has_costs:
        return body, stats
    pays = outcome == SUCCEEDED
    cost = pick(rules.cost, jnp.where(pays, intent.type, 0))
    touched = pays[..., None] & (cost >= 0)
    held = body.inventory.astype(jnp.int32)
    left = jnp.maximum(amounts(held) - jnp.maximum(cost, 0), 0)
    lost = jnp.where(touched, amounts(held) - left, 0)
    inventory = jnp.where(touched, entries(left), held)
    purse = settle(body.purse, weights_of(rules, group), -lost, amounts(inventory), touched, layout.reward_rule)
    at = agent_stats(layout)
    stats = record(stats, step, by_item(owner, at.lost, lost))
    return body._replace(inventory=inventory.astype(body.inventory.dtype), purse=purse), stats


def record_outcomes(
    layout: Layout, stats: Stats | None, outcome: jax.Array, intent: Intent, step: jax.Array
) -> Stats | None:
    """Counts what became of each agent's action. Invalid types are met by each of the two passes."""
    at = agent_stats(layout)
    index = jnp.where(outcome == SUCCEEDED, at.success + intent.type, at.failed + intent.type)
    fixed = ((INVALID_TYPE, at.invalid_type), (INVALID_ARG, at.invalid_arg), (FROZEN, at.frozen))
    for code, place in fixed:
        index = jnp.where(outcome == code, place, index)
    passes = 2 if layout.action("attack") >= 0 else 1
    count = jnp.where(outcome == INVALID_TYPE, passes, 1)
    owner, one = all_agents(outcome.shape), jnp.ones_like(outcome)
    penalty = Event(owner, one * at.penalty, one, outcome == FAILED)
    return record(stats, step, Event(owner, index, count, outcome != NOTHING, count), penalty)


def lane_of(tree, agent: jax.Array):
    """One agent of every environment: `[B, A, ...]` leaves become `[B, 1, ...]`; `agent` `[B]`."""
    return jax.tree.map(lambda x: pick(x, agent[:, None]), tree)


def put_lane(tree, agent: jax.Array, lane, acts: jax.Array):
    """The inverse of `lane_of` where `acts` `[B]`."""
    return jax.tree.map(lambda x, y: put(x, agent[:, None], y, acts[:, None]), tree, lane)


def all_agents(shape: tuple[int, ...]) -> jax.Array:
    """`[B, A]` int32: every lane is the agent of its number."""
    return jnp.broadcast_to(jnp.arange(shape[1], dtype=jnp.int32)[None], shape)
