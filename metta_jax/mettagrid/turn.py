"""What all actions have in common: who may act, what it costs, what a failure costs.

All arrays have a leading axis N; `[N, n]` are lanes: either all agents, or one agent of every environment.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick
from grid_kernels.inventory import Purse, Weights, amounts, can_afford, entries, settle
from metta_jax.mettagrid.tally import Tally, also
from metta_jax.mettagrid.types import Layout, Rules

# What became of an agent's action.
NOTHING, INVALID_TYPE, INVALID_ARG, FROZEN, FAILED, SUCCEEDED = range(6)


class Intent(NamedTuple):
    """The actions of one step, `[N, A]`."""

    type: jax.Array  # int32 as given
    argument: jax.Array  # int32 as given
    is_valid_type: jax.Array  # bool
    is_valid_arg: jax.Array  # bool
    keys: jax.Array  # uint32 sort keys of the order in which agents act


class Body(NamedTuple):
    """What actions change about agents, `[N, A, ...]`."""

    inventory: jax.Array  # int16 [N, A, I]
    frozen: jax.Array  # int32 [N, A]
    purse: Purse
    outcome: jax.Array  # int32 [N, A]
    lost: Tally  # [N, A, I]: items that went, to robbers, into converters, for defenses and costs


def read_intent(layout: Layout, actions: jax.Array, keys: jax.Array) -> Intent:
    kind, argument = actions[..., 0], actions[..., 1]
    is_valid_type = (kind >= 0) & (kind < len(layout.actions))
    largest = jnp.asarray(layout.max_args, jnp.int32)
    largest = largest.at[jnp.where(is_valid_type, kind, 0)].get(mode="promise_in_bounds")
    is_valid_arg = argument <= largest
    for index, action in enumerate(layout.actions):
        if not action.negative_args:
            is_valid_arg &= (kind != index) | (argument >= 0)
    return Intent(kind, argument, is_valid_type, is_valid_arg, keys)


def weights_of(rules: Rules, group: jax.Array) -> Weights:
    return Weights(*(pick(x, group) for x in rules.weights))


def begin(layout: Layout, rules: Rules, body: Body, intent: Intent, acts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Why acting agents cannot act, for all lanes: an outcome up to FROZEN or FAILED (cannot pay), or SUCCEEDED so far.

    Returns:
      The outcome `[N, A]`, NOTHING where an agent does not act, and the inventory after looking up what is required.
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


def finish(layout: Layout, rules: Rules, body: Body, intent: Intent, group: jax.Array, outcome: jax.Array) -> Body:
    """Take what successful actions consume, and the penalties and frozen ticks of the others, of all lanes.

    `group` `[N, n]` are the groups of the lanes' agents.
    """
    body = body._replace(outcome=jnp.where(outcome != NOTHING, outcome, body.outcome))
    fails = (outcome == FAILED) | (outcome == INVALID_TYPE) | (outcome == INVALID_ARG)
    penalty = jnp.where(fails, pick(rules.failure_penalty, group), 0.0)
    body = body._replace(
        frozen=body.frozen - (outcome == FROZEN).astype(jnp.int32),
        purse=body.purse._replace(reward=body.purse.reward - penalty),
    )
    if not layout.has_costs:
        return body
    pays = outcome == SUCCEEDED
    cost = pick(rules.cost, jnp.where(pays, intent.type, 0))
    touched = pays[..., None] & (cost >= 0)
    held = body.inventory.astype(jnp.int32)
    left = jnp.maximum(amounts(held) - jnp.maximum(cost, 0), 0)
    lost = jnp.where(touched, amounts(held) - left, 0)
    inventory = jnp.where(touched, entries(left), held)
    purse = settle(body.purse, weights_of(rules, group), -lost, amounts(inventory), touched, layout.reward_rule)
    return body._replace(inventory=inventory.astype(body.inventory.dtype), purse=purse, lost=also(body.lost, lost))
