"""From a game configuration and maps to shapes and numbers. Host code, NumPy."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from grid_kernels.converters import Recipe
from grid_kernels.inventory import Weights
from metta_jax.config import AttackActionConfig, ConverterConfig, GameConfig, features
from metta_jax.mettagrid.actions import enabled_actions
from metta_jax.mettagrid.endings import truncations
from metta_jax.mettagrid.engine_path import EnginePath
from metta_jax.mettagrid.map_pool import MapCounts, build_maps, walls_of
from metta_jax.mettagrid.stats import DERIVED, agent_stat_names
from metta_jax.mettagrid.types import EnvParams, Layout, Rules, StatsLevel


def build_layout(config: GameConfig, counts: MapCounts, stats: StatsLevel, path: EnginePath) -> Layout:
    """Everything static about a game on maps of these counts. The configuration has known resources only."""
    actions, action_configs = enabled_actions(config.actions), config.actions.enabled()
    converters = _converters_of(config)
    groups = sorted(config.groups)
    stat_rewards = sorted({key for group in groups for key in config.agent_settings(group).rewards.stat_rewards()})
    return Layout(
        num_agents=config.num_agents,
        num_items=len(config.inventory_item_names),
        num_converters=counts.converters,
        num_blocks=counts.blocks,
        height=counts.height,
        width=counts.width,
        obs_height=config.obs_height,
        obs_width=config.obs_width,
        num_tokens=config.num_observation_tokens,
        actions=actions,
        max_args=tuple(action.largest_argument(action_configs[action.name]) for action in actions),
        wall_names=tuple(walls_of(config)),
        converter_names=tuple(converters),
        group_names=tuple(groups),
        item_names=config.inventory_item_names,
        global_tokens=tuple(name for name in features.GLOBAL if getattr(config.global_obs, name)),
        reward_rule=config.resource_reward_cap,
        stat_rewards=tuple(stat_rewards),
        has_costs=any(a.requirements or a.consumed_resources for a in action_configs.values()),
        shows_recipes=any(thing.show_recipe_inputs for thing in converters.values()),
        stats=_stats_level(stats, stat_rewards),
        path=path,
    )


def build_params(config: GameConfig, layout: Layout, maps: Sequence[np.ndarray]) -> EnvParams:
    """The numbers of a game and its maps (arrays of object names), as device arrays."""
    rules = build_rules(config, layout, first_map=0, num_maps=len(maps))
    return EnvParams(rules=jax.tree.map(jnp.asarray, rules), maps=build_maps(layout, [(config, maps)]))


def _converters_of(config: GameConfig) -> dict[str, ConverterConfig]:
    return {name: thing for name, thing in config.objects.items() if isinstance(thing, ConverterConfig)}


def _stats_level(stats: StatsLevel, stat_rewards: Sequence[str]) -> StatsLevel:
    """At least what the rewarded statistics need."""
    if any(key.rpartition(".")[2] in DERIVED for key in stat_rewards):
        return "full"
    return "totals" if stat_rewards and stats == "none" else stats


def build_rules(config: GameConfig, layout: Layout, *, first_map: int, num_maps: int) -> Rules:
    """The numbers of a game as NumPy arrays.

    The layout may have more names than the game: rows of those are never read, columns say "none of it".
    """
    items = layout.item_names
    groups = [config.groups.get(name) for name in layout.group_names]
    settings = [config.agent_settings(name) if name in config.groups else None for name in layout.group_names]
    pool = [
        max(i for i, other in enumerate(groups) if other is not None and other.id == group.id) if group else own
        for own, group in enumerate(groups)
    ]
    rewards = [s.rewards.item_rewards(items) if s else {} for s in settings]
    enabled = config.actions.enabled()
    actions = [enabled.get(action.name) for action in layout.actions]
    attack = actions[layout.action("attack")] if layout.action("attack") >= 0 else None
    defense = attack.defense_resources if isinstance(attack, AttackActionConfig) else {}
    own_walls, own_converters = walls_of(config), _converters_of(config)
    walls = [own_walls.get(name) for name in layout.wall_names]
    converters = [own_converters.get(name) for name in layout.converter_names]
    stat_weight, stat_maximum, stat_index, stat_kind = _stat_rewards(config, layout)
    return Rules(
        max_steps=_int(config.max_steps),
        truncations=_bool(truncations(config)),
        first_map=_int(first_map),
        num_maps=_int(num_maps),
        group_id=_int([group.id if group else 0 for group in groups]),
        pool=_int(pool),
        share=_float([share.group_reward_pct if (share := groups[i]) else 0.0 for i in pool]),
        freeze_duration=_int([s.freeze_duration if s else 0 for s in settings]),
        failure_penalty=_float([s.action_failure_penalty if s else 0.0 for s in settings]),
        limit=_table(
            [[s.resource_limits.get(i, s.default_resource_limit) if s else 0 for i in items] for s in settings], items
        ),
        weights=Weights(
            reward=_float(_rows([[r.get(i, (0.0, None))[0] for i in items] for r in rewards], items)),
            rewarded=_bool(_rows([[i in r for i in items] for r in rewards], items)),
            maximum=_float(_rows([[_or_largest(r.get(i, (0.0, None))[1]) for i in items] for r in rewards], items)),
        ),
        stat_weight=stat_weight,
        stat_maximum=stat_maximum,
        stat_index=stat_index,
        stat_kind=stat_kind,
        enabled=_bool([a is not None for a in actions]),
        required=_table([[a.requirements.get(i, -1) if a else -1 for i in items] for a in actions], items),
        cost=_table(
            [
                [a.consumed_resources.get(i, 0 if i in a.requirements else -1) if a else -1 for i in items]
                for a in actions
            ],
            items,
        ),
        defense=_int([defense.get(i, -1) for i in items]),
        wall_type=_int([wall.type_id if wall else 0 for wall in walls]),
        wall_swappable=_bool([wall.swappable if wall else False for wall in walls]),
        recipe=_recipes(converters, items),
        converter_type=_int([c.type_id if c else 0 for c in converters]),
        converter_color=_int([c.color if c else 0 for c in converters]),
        initial_amount=_int([c.initial_resource_count if c else 0 for c in converters]),
        shows_recipe=_bool([c.show_recipe_inputs if c else False for c in converters]),
    )


def _recipes(converters: Sequence[ConverterConfig | None], items: Sequence[str]) -> Recipe:
    def slots(mappings: Sequence[Mapping[str, int]]) -> tuple[Any, Any]:
        lists = [[(i, m[item]) for i, item in enumerate(items) if m.get(item, 0) > 0] for m in mappings]
        size = max([len(x) for x in lists], default=0)
        table = np.zeros((len(lists), size, 2), np.int32)
        for row, entries in zip(table, lists, strict=True):
            if entries:
                row[: len(entries)] = entries
        return table[..., 0], table[..., 1]

    input_item, input_amount = slots([c.input_resources if c else {} for c in converters])
    output_item, output_amount = slots([c.output_resources if c else {} for c in converters])
    return Recipe(
        input_item=input_item,
        input_amount=input_amount,
        output_item=output_item,
        output_amount=output_amount,
        max_output=_int([c.max_output if c else 0 for c in converters]),
        ticks=_int([c.conversion_ticks if c else 0 for c in converters]),
        cooldown=_int([c.cooldown if c else 0 for c in converters]),
    )


def _stat_rewards(config: GameConfig, layout: Layout) -> tuple[Any, Any, Any, Any]:
    shape = (layout.num_groups, len(layout.stat_rewards))
    weight, maximum = np.zeros(shape, np.float32), np.full(shape, _or_largest(None), np.float32)
    index, kind = np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
    for g, group in enumerate(layout.group_names):
        if group not in config.groups:
            continue
        names = agent_stat_names(layout, group)
        rewards = config.agent_settings(group).rewards.stat_rewards()
        for k, key in enumerate(layout.stat_rewards):
            base, _, derived = key.rpartition(".")
            if key in rewards:
                weight[g, k], maximum[g, k] = rewards[key][0], _or_largest(rewards[key][1])
                if derived in DERIVED[1:]:
                    index[g, k], kind[g, k] = names.get(base, -1), DERIVED.index(derived)
                else:
                    index[g, k] = names.get(key, -1)
    return weight, maximum, index, kind


def _or_largest(maximum: float | None) -> float:
    # Not infinity, at which `jax_debug_infs` would stop.
    return float(np.finfo(np.float32).max) if maximum is None else maximum


def _rows(rows: Sequence[Sequence[float]], items: Sequence[str]) -> np.ndarray:
    return np.asarray(rows).reshape(len(rows), len(items))


def _table(rows: Sequence[Sequence[float]], items: Sequence[str]) -> Any:
    return _int(_rows(rows, items))


# Any, for type checkers: the fields of `Rules` are arrays of JAX, which these become.
def _int(x: npt.ArrayLike) -> Any:
    return np.asarray(x, np.int32)


def _float(x: npt.ArrayLike) -> Any:
    return np.asarray(x, np.float32)


def _bool(x: npt.ArrayLike) -> Any:
    return np.asarray(x, bool)
