"""Reset and step: the order in which things happen. The named scopes are the stages that a profile shows.

Everything here has a leading axis N of environments; `MettaGrid` gives the functions for one. Rules have a leading axis
of 1, shared by all environments, or N.
"""

import jax
import jax.numpy as jnp

from grid_kernels.converters import NEVER, Converter, Recipe, no_counts, run_events, try_start
from grid_kernels.gather import pick
from grid_kernels.inventory import Purse
from metta_jax.mettagrid.agent_tally import agent_tally
from metta_jax.mettagrid.attack_pass import attack_pass, no_blows
from metta_jax.mettagrid.endings import endings
from metta_jax.mettagrid.main_pass import main_pass
from metta_jax.mettagrid.rewards import share_rewards, stat_rewards
from metta_jax.mettagrid.stats import CONVERTER_EVENTS, agent_stats, no_stats, record, record_tokens
from metta_jax.mettagrid.tally import counted, no_tally
from metta_jax.mettagrid.tokens import observe_agents
from metta_jax.mettagrid.turn import NOTHING, SUCCEEDED, Body, read_intent
from metta_jax.mettagrid.types import LAST_STEP, EnvParams, EnvState, Layout, Rules, TimeStep


def reset(layout: Layout, params: EnvParams, key: jax.Array, map_index: jax.Array) -> tuple[EnvState, TimeStep]:
    """Start an episode on map `map_index`, int32 [N]; `key`, `[N]`, decides the orders of agents."""
    state = initial_state(layout, params, key, map_index)
    zeros = jnp.zeros((map_index.shape[0], layout.num_agents), jnp.float32)
    actions = jnp.zeros((*zeros.shape, 2), jnp.int32)
    observation, num_tokens = observe_agents(layout, params, state, actions, zeros)
    state = state.replace(token_stats=record_tokens(state.token_stats, num_tokens, layout.num_tokens, state.step))
    no = jnp.zeros(zeros.shape, bool)
    return state, TimeStep(observation, zeros, no, no, no)


def step(
    layout: Layout, params: EnvParams, state: EnvState, actions: jax.Array, keys: jax.Array
) -> tuple[EnvState, TimeStep]:
    """Play one step.

    Args:
      actions: int32 [N, A, 2], type and argument; any value is allowed.
      keys: uint32 [N, A], unique within an environment: agents with smaller keys act first, see `grid_kernels.turns`.
    """
    rules = params.rules
    state = state.replace(step=jnp.minimum(state.step, LAST_STEP - 1) + 1)
    with jax.named_scope("converters"):
        state = _convert(layout, rules, state)

    intent = read_intent(layout, actions, keys)
    reward = jnp.zeros(state.cell.shape, jnp.float32)
    outcome = jnp.full(state.cell.shape, NOTHING, jnp.int32)
    lost = no_tally(state.inventory.shape, layout.stats)
    body = Body(state.inventory, state.frozen, Purse(reward, state.held_value), outcome, lost)
    blows = no_blows(outcome.shape, layout)
    if layout.action("attack") >= 0:
        with jax.named_scope("attacks"):
            body, blows = attack_pass(layout, params, state, body, intent)
    state, body, deeds = main_pass(layout, params, state, body, intent)
    stats = state.agent_stats
    if stats is not None:
        with jax.named_scope("statistics"):
            stats = record(stats, state.step, agent_tally(layout, state.group, intent, body, blows, deeds))
    state = state.replace(
        inventory=body.inventory, frozen=body.frozen, held_value=body.purse.current, agent_stats=stats
    )

    reward = body.purse.reward
    with jax.named_scope("observations"):
        observation, num_tokens = observe_agents(layout, params, state, actions, reward)
    with jax.named_scope("rewards"):
        reward, stat_value = stat_rewards(layout, rules, state, reward)
        shared = share_rewards(rules, state, reward)
    state = state.replace(
        stat_value=stat_value,
        episode_return=state.episode_return + reward,
        token_stats=record_tokens(state.token_stats, num_tokens, layout.num_tokens, state.step),
    )
    terminated, truncated = (jnp.broadcast_to(x[:, None], reward.shape) for x in endings(rules, state))
    timestep = TimeStep(
        observation=observation,
        reward=shared,
        terminated=terminated,
        truncated=truncated,
        action_success=body.outcome == SUCCEEDED,
    )
    return state, timestep


def initial_state(layout: Layout, params: EnvParams, key: jax.Array, map_index: jax.Array) -> EnvState:
    """The state at the start of an episode: everything but the first observation."""
    batch, agents = map_index.shape[0], (map_index.shape[0], layout.num_agents)
    rules, maps = params.rules, params.maps
    kind = maps.converter_kind[map_index]
    exists = maps.converter_cell[map_index] > 0
    stock = jnp.zeros((*kind.shape, layout.num_items), jnp.int32)
    if layout.num_converters:
        stock = jnp.where(_output_items(rules, layout, kind), pick(rules.initial_amount, kind)[..., None], 0)
    converter = Converter(stock, jnp.zeros_like(kind), jnp.full_like(kind, NEVER))
    if layout.num_converters:
        recipe = Recipe(*(pick(x, kind) for x in rules.recipe))
        converter, _ = try_start(converter, recipe, no_counts(kind.shape), jnp.zeros_like(kind), exists)
    return EnvState(
        key=key,
        step=jnp.zeros((batch,), jnp.int32),
        map_index=map_index,
        grid=maps.grid[map_index],
        cell=maps.agent_cell[map_index],
        orientation=jnp.zeros(agents, jnp.int32),
        frozen=jnp.zeros(agents, jnp.int32),
        color=jnp.zeros(agents, jnp.uint8),
        glyph=jnp.zeros(agents, jnp.uint8),
        group=maps.agent_group[map_index],
        inventory=jnp.full((*agents, layout.num_items), -1, jnp.int16),
        held_value=jnp.zeros(agents, jnp.float32),
        stat_value=jnp.zeros(agents, jnp.float32),
        episode_return=jnp.zeros(agents, jnp.float32),
        converter_stock=converter.stock.astype(jnp.uint8),
        converter_phase=converter.phase,
        converter_due=converter.due,
        converter_kind=kind,
        agent_stats=no_stats((*agents, agent_stats(layout).size), layout.stats),
        converter_events=no_stats((*kind.shape, len(CONVERTER_EVENTS)), layout.stats),
        converter_moves=no_stats((*kind.shape, 2 * layout.num_items), layout.stats),
        token_stats=no_stats((batch, 1, 3), layout.stats),
    )


def _convert(layout: Layout, rules: Rules, state: EnvState) -> EnvState:
    """Run the events of converters that are due."""
    kind = state.converter_kind
    if not kind.shape[1]:
        return state
    recipe = Recipe(*(pick(x, kind) for x in rules.recipe))
    clock = jnp.broadcast_to(state.step[:, None], kind.shape)
    converter = Converter(state.converter_stock, state.converter_phase, state.converter_due)
    converter, counts = run_events(converter, recipe, no_counts(kind.shape), clock)
    return state.replace(
        converter_stock=converter.stock,
        converter_phase=converter.phase,
        converter_due=converter.due,
        converter_events=record(state.converter_events, state.step, counted(jnp.stack(counts, axis=-1), layout.stats)),
    )


def _output_items(rules: Rules, layout: Layout, kind: jax.Array) -> jax.Array:
    """bool [N, C, I]: what each converter makes."""
    item = jnp.arange(layout.num_items, dtype=jnp.int32)[None, None, None]
    makes = (rules.recipe.output_item[..., None] == item) & (rules.recipe.output_amount[..., None] > 0)
    return pick(jnp.any(makes, axis=2), kind)
