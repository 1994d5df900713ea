"""The first pass over the agents of a step: attacks, and actions of no valid type.

No agent moves in this pass, so all targets are known at its start. Agents that neither attack nor are attacked
act at once; the others act in rounds, see `grid_kernels.turns`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.combat import attack, find_targets
from grid_kernels.gather import pick
from grid_kernels.inventory import Purse, amounts, settle, settle_both_ways
from grid_kernels.turns import Turn, deliver, in_rounds, own, received, write_own, write_to
from metta_jax.mettagrid.tally import also
from metta_jax.mettagrid.turn import FAILED, SUCCEEDED, Body, Intent, begin, finish, weights_of
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout


class Blows(NamedTuple):
    """The attacks of a step, by attacker, and how often each agent was hit."""

    target: jax.Array  # int32 [N, A], -1 for none
    blocked: jax.Array  # bool [N, A]
    hits: jax.Array  # bool [N, A]
    wasted: jax.Array  # bool [N, A]
    stolen: jax.Array  # int16 [N, A, I]
    hit_by: jax.Array  # int16 [N, A, G]: by attackers of each other group


class _Fight(NamedTuple):
    body: Body
    blows: Blows


def no_blows(shape: tuple[int, ...], layout: Layout) -> Blows:
    none = jnp.zeros(shape, bool)
    stolen = jnp.zeros((*shape, layout.num_items), jnp.int16)
    hit_by = jnp.zeros((*shape, layout.num_groups), jnp.int16)
    return Blows(jnp.full(shape, -1, jnp.int32), none, none, none, stolen, hit_by)


def attack_pass(layout: Layout, params: EnvParams, state: EnvState, body: Body, intent: Intent) -> tuple[Body, Blows]:
    """Run the pass. `state` gives places and groups; `body` is changed."""
    rules = params.rules
    attacks = intent.is_valid_type & (intent.type == layout.action("attack"))
    acts = attacks | ~intent.is_valid_type
    target = jnp.where(attacks & intent.is_valid_arg, _targets(layout, params, state, intent), -1)
    agents = jnp.arange(layout.num_agents, dtype=jnp.int32)
    involved = (target >= 0) | jnp.any(target[:, None] == agents[None, :, None], axis=2)

    outcome, inventory = begin(layout, rules, body, intent, acts & ~involved)
    outcome = jnp.where(outcome == SUCCEEDED, FAILED, outcome)  # no agent is there to be hit
    body = finish(layout, rules, body._replace(inventory=inventory), intent, state.group, outcome)

    def act(turn: Turn, fight: _Fight) -> _Fight:
        lane_intent, victim = own(turn, (intent, target))
        lane = own(turn, fight.body)
        outcome, inventory = begin(layout, rules, lane, lane_intent, turn.acts)
        if layout.has_costs:
            inventory = write_own(turn, fight.body.inventory, inventory)
            fight = fight._replace(body=fight.body._replace(inventory=inventory))
        hits = turn.acts & (outcome == SUCCEEDED) & (victim >= 0)
        fight = _hit(layout, params, state, fight, turn, victim, hits)
        outcome = jnp.where((outcome == SUCCEEDED) & (victim < 0), FAILED, outcome)
        lane = finish(layout, rules, own(turn, fight.body), lane_intent, own(turn, state.group), outcome)
        return fight._replace(body=write_own(turn, fight.body, lane))

    alone = jnp.broadcast_to(agents[None], target.shape)
    footprint = jnp.stack([alone, jnp.where(target >= 0, target, alone)], axis=-1)
    fight = _Fight(body, no_blows(target.shape, layout)._replace(target=target))
    fight = in_rounds(acts & involved, intent.keys, footprint, act, fight, wide=layout.path.is_wide)
    return fight.body, fight.blows


def _targets(layout: Layout, params: EnvParams, state: EnvState, intent: Intent) -> jax.Array:
    row, column = jnp.divmod(state.cell, layout.stride)
    pad_rows, pad_columns = layout.pad
    return find_targets(
        state.grid,
        row - pad_rows,
        column - pad_columns,
        state.orientation,
        intent.argument,
        pick(params.maps.height[None], state.map_index),
        pick(params.maps.width[None], state.map_index),
        pad=layout.pad,
        stride=layout.stride,
        agent_code=layout.agent_code,
    )


def _hit(
    layout: Layout,
    params: EnvParams,
    state: EnvState,
    fight: _Fight,
    turn: Turn,
    victim: jax.Array,
    hits: jax.Array,
) -> _Fight:
    """The acting agents attack `victim` `[N, lanes]` where `hits` `[N, lanes]`."""
    rules, (body, blows) = params.rules, fight
    agents = jnp.arange(layout.num_agents, dtype=jnp.int32)[None]
    agent = agents if turn.agent is None else turn.agent
    hitting = turn._replace(acts=hits)
    at_victim = deliver(hits[:, None] & (victim[:, None] == agents[..., None]))
    victim = jnp.maximum(victim, 0)
    is_self = agent == victim
    own_group, other = own(turn, state.group), pick(state.group, victim)
    result = attack(
        own(turn, body.inventory).astype(jnp.int32),
        pick(body.inventory, victim).astype(jnp.int32),
        is_self,
        pick(body.frozen, victim),
        pick(rules.freeze_duration, other),
        pick(rules.limit, own_group),
        rules.defense[:, None],
        hits,
    )
    inventory = write_own(hitting, body.inventory, result.attacker)
    body = body._replace(
        inventory=write_to(at_victim, inventory, result.target),
        frozen=write_to(at_victim, body.frozen, result.frozen),
    )

    own_weights, other_weights = weights_of(rules, own_group), weights_of(rules, other)
    before = own(turn, body.purse)
    robbed = result.snapshot
    purse = settle(before, own_weights, result.stolen, amounts(result.attacker), robbed, layout.reward_rule)
    if layout.reward_rule == "running_total":
        circular = settle_both_ways(before, own_weights, result.stolen, robbed)
        purse = Purse(*(jnp.where(is_self, x, y) for x, y in zip(circular, purse, strict=True)))
    after = write_own(hitting, body.purse, purse)

    # What the target lost: to the thief (who has settled already if it is the target itself), or for its defense.
    paid = result.blocked[..., None] & (rules.defense[:, None] >= 0)
    touched = jnp.where(is_self[..., None], paid, paid | robbed)
    lost = result.paid + result.stolen
    purse = Purse(*(pick(x, victim) for x in after))
    purse = settle(purse, other_weights, -lost, amounts(result.target), touched, layout.reward_rule)
    body = body._replace(purse=write_to(at_victim, after, purse))
    if layout.stats == "none":
        return _Fight(body, blows)

    enemy = result.hits & (own_group != other)
    groups = jnp.arange(layout.num_groups, dtype=jnp.int32)[None, None]
    by = received(at_victim, enemy[..., None] & (own_group[..., None] == groups))
    mine = (blows.blocked, blows.hits, blows.wasted, blows.stolen)
    mine = write_own(hitting, mine, (result.blocked, result.hits, result.wasted, result.stolen))
    blocked, hit, wasted, stolen = mine
    blows = Blows(blows.target, blocked, hit, wasted, stolen, blows.hit_by + by.astype(jnp.int16))
    return _Fight(body._replace(lost=also(body.lost, received(at_victim, lost))), blows)
