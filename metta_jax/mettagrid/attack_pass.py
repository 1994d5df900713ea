"""The first pass over the agents of a step: attacks, and actions of no valid type.

Nobody moves in this pass, so all targets are known at its start. Agents that neither attack somebody nor are attacked
act at once; the others act one by one, in their order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from grid_kernels.combat import attack, find_targets
from grid_kernels.gather import pick, put
from grid_kernels.inventory import Purse, amounts, settle, settle_both_ways
from grid_kernels.turns import one_by_one
from metta_jax.mettagrid.stats import Event, agent_stats, by_item, record
from metta_jax.mettagrid.turn import (
    FAILED,
    SUCCEEDED,
    Body,
    Intent,
    all_agents,
    begin,
    finish,
    lane_of,
    put_lane,
    weights_of,
)
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout, Stats


class Fight(NamedTuple):
    body: Body
    stats: Stats | None


def attack_pass(
    layout: Layout, params: EnvParams, state: EnvState, body: Body, stats: Stats | None, intent: Intent
) -> Fight:
    """Runs the pass. `state` gives places and groups; `body` and `stats` are changed."""
    rules = params.rules
    step = state.step
    attacks = intent.is_valid_type & (intent.type == layout.action("attack"))
    acts = attacks | ~intent.is_valid_type
    target = jnp.where(attacks & intent.is_valid_arg, _targets(layout, params, state, intent), -1)
    involved = target >= 0
    agents = jnp.arange(layout.num_agents, dtype=jnp.int32)
    involved |= jnp.any(target[:, :, None] == agents[None, None], axis=1)

    now = acts & ~involved
    outcome, inventory = begin(layout, rules, body, intent, now)
    outcome = jnp.where(outcome == SUCCEEDED, FAILED, outcome)  # nobody is there to be hit
    body = body._replace(inventory=inventory)
    everyone = all_agents(acts.shape)
    fight = Fight(*finish(layout, rules, body, stats, intent, everyone, state.group, step, outcome))

    def one_agent(agent: jax.Array, acts: jax.Array, fight: Fight) -> Fight:
        lane, lane_intent = lane_of(fight.body, agent), lane_of(intent, agent)
        outcome, inventory = begin(layout, rules, lane, lane_intent, acts[:, None])
        fight = fight._replace(body=put_lane(fight.body, agent, lane._replace(inventory=inventory), acts))
        victim = pick(target, agent)
        hits = acts & (outcome[:, 0] == SUCCEEDED) & (victim >= 0)
        fight = _hit(layout, params, state, fight, agent, jnp.maximum(victim, 0), hits)
        outcome = jnp.where((outcome == SUCCEEDED) & (victim[:, None] < 0), FAILED, outcome)
        group = pick(state.group, agent[:, None])
        lane, stats = finish(
            layout, rules, lane_of(fight.body, agent), fight.stats, lane_intent, agent[:, None], group, step, outcome
        )
        return Fight(put_lane(fight.body, agent, lane, acts), stats)

    return one_by_one(acts & involved, intent.keys, one_agent, fight)


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
    fight: Fight,
    agent: jax.Array,
    victim: jax.Array,
    hits: jax.Array,
) -> Fight:
    """Agent `agent[b]` attacks `victim[b]` where `hits[b]`."""
    rules, body, stats, step = params.rules, fight.body, fight.stats, state.step
    own, other = pick(state.group, agent), pick(state.group, victim)
    is_self = agent == victim
    held = body.inventory.astype(jnp.int32)
    result = attack(
        pick(held, agent),
        pick(held, victim),
        is_self,
        pick(body.frozen, victim),
        pick(rules.freeze_duration, other),
        pick(rules.limit, own),
        jnp.broadcast_to(rules.defense, (agent.shape[0], layout.num_items)),
        hits,
    )
    body = body._replace(
        inventory=put(put(body.inventory, agent, result.attacker, hits), victim, result.target, hits),
        frozen=put(body.frozen, victim, result.frozen, hits),
    )

    own_weights, other_weights = weights_of(rules, own), weights_of(rules, other)
    before = Purse(*(pick(x, agent) for x in body.purse))
    robbed = result.snapshot
    purse = settle(before, own_weights, result.stolen, amounts(result.attacker), robbed, layout.reward_rule)
    if layout.reward_rule == "running_total":
        circular = settle_both_ways(before, own_weights, result.stolen, robbed)
        purse = Purse(*(jnp.where(is_self, x, y) for x, y in zip(circular, purse, strict=True)))
    body = body._replace(purse=Purse(*(put(x, agent, y, hits) for x, y in zip(body.purse, purse, strict=True))))

    # What the target lost: to the thief (who has settled already if it is the target itself), or for its defense.
    paid = jnp.where(result.blocked[:, None] & (rules.defense >= 0), True, False)
    touched = jnp.where(is_self[:, None], paid, paid | robbed)
    lost = result.paid + result.stolen
    purse = settle(
        Purse(*(pick(x, victim) for x in body.purse)),
        other_weights,
        -lost,
        amounts(result.target),
        touched,
        layout.reward_rule,
    )
    body = body._replace(purse=Purse(*(put(x, victim, y, hits) for x, y in zip(body.purse, purse, strict=True))))
    return Fight(body, _record(layout, stats, result, agent, victim, own, other, step))


def _record(layout: Layout, stats: Stats | None, result, agent, victim, own, other, step) -> Stats | None:
    if stats is None:
        return None
    at = agent_stats(layout)
    one = jnp.ones_like(agent)
    friendly = result.hits & (own == other)
    stolen = result.stolen[:, None]
    single = [
        (agent, at.blocked_by + other, result.blocked),
        (agent, one * at.friendly, friendly),
        (agent, at.hit + other, result.hits & ~friendly),
        (victim, at.hit_by + own, result.hits & ~friendly),
        (agent, one * at.wasted, result.wasted),
    ]
    return record(
        stats,
        step,
        *(Event(*(x[:, None] for x in (owner, index, one, where))) for owner, index, where in single),
        by_item(agent[:, None], at.gained, stolen),
        by_item(victim[:, None], at.lost, result.paid[:, None] + stolen),
        by_item(agent[:, None], at.stolen + other[:, None], stolen, layout.num_groups),
    )
