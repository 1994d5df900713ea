"""What one step adds to the statistics of the agents, as one dense update."""

import jax
import jax.numpy as jnp

from grid_kernels.gather import pick
from metta_jax.mettagrid.attack_pass import Blows
from metta_jax.mettagrid.main_pass import Deeds
from metta_jax.mettagrid.stats import agent_stats, invalid_actions
from metta_jax.mettagrid.tally import Tally, also, counted, joined, no_tally
from metta_jax.mettagrid.turn import FAILED, FROZEN, INVALID_ARG, INVALID_TYPE, SUCCEEDED, Body, Intent
from metta_jax.mettagrid.types import Layout


def agent_tally(layout: Layout, group: jax.Array, intent: Intent, body: Body, blows: Blows, deeds: Deeds) -> Tally:
    """`[N, A, K]`, in the order of `agent_stats`. `group` `[N, A]`."""
    level, outcome = layout.stats, body.outcome

    def happened(*masks: jax.Array) -> Tally:
        return counted(jnp.stack(masks, axis=-1), level)

    def one_of(index: jax.Array, size: int, where: jax.Array) -> Tally:
        """A statistic for each of `size` things, of which one may have happened."""
        things = jnp.arange(size, dtype=jnp.int32)[None, None]
        return counted(where[..., None] & (index[..., None] == things), level)

    def by_item(amount: jax.Array) -> Tally:
        return also(no_tally(amount.shape, level), amount)

    num_actions, num_groups = len(layout.actions), layout.num_groups
    stolen = blows.stolen.astype(jnp.int32)
    victim_group = pick(group, jnp.maximum(blows.target, 0))
    friendly = blows.hits & (group == victim_group)
    groups = jnp.arange(num_groups, dtype=jnp.int32)[None, None, None]
    by_group = jnp.where(victim_group[..., None, None] == groups, stolen[..., None], 0)
    passes = 2 if layout.action("attack") >= 0 else 1  # each of which meets an action of no valid type
    invalid = jnp.where(outcome == INVALID_TYPE, passes, 0)[..., None]
    families = {
        "success": one_of(intent.type, num_actions, outcome == SUCCEEDED),
        "failed": one_of(intent.type, num_actions, outcome == FAILED),
        "invalid_type": counted(invalid, level),
        "invalid_arg": happened(outcome == INVALID_ARG),
        "frozen": happened(outcome == FROZEN),
        "penalty": happened(outcome == FAILED),
        "swap": one_of(deeds.swapped, len(layout.wall_names) + 1, deeds.swapped >= 0),
        "gained": by_item(deeds.took + stolen),
        "lost": body.lost,
        "get": by_item(deeds.took),
        "put": by_item(deeds.gave),
        "friendly": happened(friendly),
        "wasted": happened(blows.wasted),
        "hit": one_of(victim_group, num_groups, blows.hits & ~friendly),
        "hit_by": counted(blows.hit_by, level),
        "blocked_by": one_of(victim_group, num_groups, blows.blocked),
        "stolen": by_item(by_group.reshape(*outcome.shape, layout.num_items * num_groups)),
    }
    pairs = [
        jnp.where((intent.type == kind) & (intent.argument == argument), families[family].amount[..., 0], 0)
        for family, kind, argument in invalid_actions(layout)
    ]
    if pairs:
        families["invalid"] = counted(jnp.stack(pairs, axis=-1), level)
    else:
        families["invalid"] = no_tally((*outcome.shape, 0), level)
    return joined(*(families[name] for name in agent_stats(layout).sizes))
