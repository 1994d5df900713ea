"""Several games in one compiled program: one set of shapes, and the numbers of every game stacked.

The games are called tasks. What they may differ in: every number, their objects, items, groups, rewarded statistics and
actions, and the number and size of their maps. What they must have in common, because it decides what an agent is: the
number of agents, the size of observations and the global tokens in them, the rule of resource rewards, and the number
of glyphs.

Objects, groups and items of the united game are those of all tasks. Items stand in an order that agrees with that of
every task, since the engine goes through them in order; so an item may have another number, and another observation
feature, than it has in a task by itself, but the same one in all tasks. The same holds for actions. An action that a
task does not have is played there as one of no valid type, as any unknown number is in the task by itself. One thing
differs: where some task has attacks, invalid actions are met twice in all of them, as the engine does. This shows in
the statistic `action.invalid_type`; tasks without attacks that fine failures would be fined twice, and are refused.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.config import GameConfig, known_resources
from metta_jax.mettagrid.actions import Action
from metta_jax.mettagrid.build import build_layout, build_rules
from metta_jax.mettagrid.engine_path import EnginePath, choose_path
from metta_jax.mettagrid.environment import STATS_LEVELS, MettaGrid
from metta_jax.mettagrid.map_pool import MapRows, build_maps, count_maps, read_maps, walls_of
from metta_jax.mettagrid.stats import invalid_actions
from metta_jax.mettagrid.types import EnvParams, Layout, Rules, StatsLevel

_COMMON = ("obs_height", "obs_width", "num_tokens", "global_tokens", "reward_rule")


class TaskGrid(MettaGrid):
    """Games with one set of shapes. `params.rules` has a leading axis of tasks; `reset` and `step` take `task_params`.

    Args:
      configs: the rules of each task.
      pools: the maps of each task, as `MettaGrid` takes them. Tasks that are given the same object share its maps.
      names: what errors call the tasks; their numbers if None.
      stats: as for `MettaGrid`; raised to what the task that needs most needs.
      engine_path: as for `MettaGrid`.

    Raises:
      ValueError: as `MettaGrid`, or tasks that cannot live in one program; names them.
    """

    def __init__(
        self,
        configs: Sequence[GameConfig],
        pools: Sequence[MapRows | Sequence[MapRows]],
        *,
        names: Sequence[str] | None = None,
        stats: StatsLevel = "full",
        engine_path: EnginePath | str | None = None,
    ):
        if stats not in STATS_LEVELS:
            raise ValueError(f"stats: {stats!r} is not one of {list(STATS_LEVELS)}")
        if not configs or len(configs) != len(pools):
            raise ValueError(f"configs: {len(configs)} games for {len(pools)} pools of maps; each needs its own")
        self.task_names = tuple(str(i) for i in range(len(configs))) if names is None else tuple(names)
        for name, config in zip(self.task_names, configs, strict=True):
            if config.num_agents != configs[0].num_agents:
                raise ValueError(
                    f"Task {name} has num_agents {config.num_agents}, expected {configs[0].num_agents}: all tasks of a "
                    "curriculum need the same number of agents"
                )
        known: dict[GameConfig, GameConfig] = {}  # games that differ in nothing are looked through, and warned of, once
        self.configs = tuple(known.setdefault(c, known_resources(c)) if c not in known else known[c] for c in configs)
        self.config = self.configs[0]
        shared = _Pools(self.configs, pools, self.task_names)
        layouts = [
            build_layout(config, count_maps(config, shared.maps[i]), stats, choose_path(None, engine_path))
            for config, i in zip(self.configs, shared.index, strict=True)
        ]
        self.layout = unite_layouts(layouts, self.task_names)
        self.masks_actions = any(layout.actions != self.layout.actions for layout in layouts)
        _check_penalties(self.configs, self.layout, self.task_names)
        if self.masks_actions and (pairs := invalid_actions(self.layout)):
            raise ValueError(
                f"rewards.stats: action.{pairs[0][0]}.{pairs[0][1]}.{pairs[0][2]} names an action by its number, which "
                "tasks with different actions do not have in common"
            )
        firsts = np.cumsum([0, *(len(maps) for maps in shared.maps)])
        rules = [
            build_rules(config, self.layout, first_map=int(firsts[i]), num_maps=len(shared.maps[i]))
            for config, i in zip(self.configs, shared.index, strict=True)
        ]
        maps = build_maps(self.layout, list(zip(shared.configs, shared.maps, strict=True)))
        self.params = EnvParams(rules=stack_rules(rules), maps=maps)

    @property
    def num_tasks(self) -> int:
        return len(self.configs)

    @property
    def max_steps(self) -> int:
        """The longest step limit of any task; 0 if one has none."""
        limits = [config.max_steps for config in self.configs]
        return 0 if 0 in limits else max(limits)

    @cached_property
    def object_type_names(self) -> tuple[str, ...]:
        """Names by type id; of objects that share an id, the first. Gaps are empty strings."""
        names: dict[int, str] = {0: "agent"}
        for config in self.configs:
            for name, thing in config.objects.items():
                names.setdefault(thing.type_id, name)
        size = max(len(names) - 1 + self.layout.num_groups, max(names) + 1)
        return tuple(names.get(i, "") for i in range(size))


def task_params(params: EnvParams, task: jax.Array | int) -> EnvParams:
    """The parameters of one task, for the functions of one environment."""
    return params.replace(rules=jax.tree.map(lambda x: x[task], params.rules))


def stack_rules(rules: Sequence[Rules]) -> Rules:
    """Rules of one layout with a leading axis of tasks; recipes get the slots of the longest one."""

    def padded(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        full = np.zeros(shape, x.dtype)
        full[tuple(map(slice, x.shape))] = x
        return full

    def stack(*leaves: np.ndarray) -> jax.Array:
        largest = tuple(map(max, zip(*(x.shape for x in leaves), strict=True)))
        return jnp.asarray(np.stack([padded(x, largest) for x in leaves]))

    return jax.tree.map(stack, *rules)


def unite_layouts(layouts: Sequence[Layout], names: Sequence[str]) -> Layout:
    """The layout in which every task can be played. Raises a ValueError that names two tasks that do not fit."""
    first = layouts[0]
    for field in _COMMON:
        for layout, name in zip(layouts, names, strict=True):
            if getattr(layout, field) != getattr(first, field):
                raise ValueError(
                    f"{field}: task {name} has {getattr(layout, field)!r}, task {names[0]} has "
                    f"{getattr(first, field)!r}; all tasks of a curriculum need the same"
                )
    max_args = _united_arguments(layouts, names)
    actions = tuple(sorted(max_args, key=lambda action: action.name))
    return replace(
        first,
        num_converters=max(layout.num_converters for layout in layouts),
        num_blocks=max(layout.num_blocks for layout in layouts),
        height=max(layout.height for layout in layouts),
        width=max(layout.width for layout in layouts),
        actions=actions,
        max_args=tuple(max_args[action] for action in actions),
        wall_names=_all_of(layout.wall_names for layout in layouts),
        converter_names=_all_of(layout.converter_names for layout in layouts),
        group_names=tuple(sorted(_all_of(layout.group_names for layout in layouts))),
        item_names=(items := _in_common_order([layout.item_names for layout in layouts], names)),
        num_items=len(items),
        stat_rewards=tuple(sorted(_all_of(layout.stat_rewards for layout in layouts))),
        has_costs=any(layout.has_costs for layout in layouts),
        shows_recipes=any(layout.shows_recipes for layout in layouts),
        stats=min((layout.stats for layout in layouts), key=STATS_LEVELS.index),
    )


class _Pools:
    """The maps of all tasks, each pool once: read, with the first game that plays on it.

    Tasks share a pool if they were given the same object and agree on what is a wall, a block and a converter.
    """

    def __init__(
        self, configs: Sequence[GameConfig], pools: Sequence[MapRows | Sequence[MapRows]], names: Sequence[str]
    ):
        self.index: list[int] = []  # by task
        self.maps: list[list[np.ndarray]] = []
        self.configs: list[GameConfig] = []
        seen: dict[Any, int] = {}
        for config, pool, name in zip(configs, pools, names, strict=True):
            walls = walls_of(config)
            swappable = frozenset(key for key, wall in walls.items() if wall.swappable)
            kind = (id(pool), frozenset(walls), swappable, frozenset(config.objects), frozenset(config.groups))
            if kind not in seen:
                seen[kind] = len(self.maps)
                try:
                    self.maps.append(read_maps(config, pool))
                except ValueError as error:
                    raise ValueError(f"task {name}: {error}") from None
                self.configs.append(config)
            self.index.append(seen[kind])


def _united_arguments(layouts: Sequence[Layout], names: Sequence[str]) -> dict[Action, int]:
    """Action -> largest argument, of all tasks."""
    found: dict[Action, tuple[int, str]] = {}
    for layout, name in zip(layouts, names, strict=True):
        for action, largest in zip(layout.actions, layout.max_args, strict=True):
            other, first = found.setdefault(action, (largest, name))
            if other != largest:
                raise ValueError(
                    f"actions.{action.name}: task {name} allows arguments up to {largest}, task {first} up to {other}; "
                    "all tasks of a curriculum need the same"
                )
    return {action: largest for action, (largest, _) in found.items()}


def _check_penalties(configs: Sequence[GameConfig], layout: Layout, names: Sequence[str]) -> None:
    """An action of no valid type is met, and fined, a second time where attacks exist."""
    if layout.action("attack") < 0:
        return
    attack = layout.actions[layout.action("attack")].name
    attackers = [name for config, name in zip(configs, names, strict=True) if attack in config.enabled_actions()]
    for config, name in zip(configs, names, strict=True):
        penalties = [config.agent_settings(group).action_failure_penalty for group in config.groups]
        if name not in attackers and any(penalties):
            raise ValueError(
                f"actions: task {name} has no attack but fines failures with {max(penalties)}; together with task "
                f"{attackers[0]}, which has attacks, invalid actions would be fined twice"
            )


def _all_of(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _in_common_order(orders: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[str, ...]:
    """All items in an order that agrees with each of `orders`; of those that may come next, the first seen."""
    rank = {item: i for i, item in enumerate(_all_of(orders))}
    before: dict[str, set[str]] = {item: set() for item in rank}
    for order in dict.fromkeys(map(tuple, orders)):
        for left, right in itertools.pairwise(order):
            before[right].add(left)
    result: list[str] = []
    while len(result) < len(rank):
        free = [item for item in rank if item not in result and before[item] <= set(result)]
        if not free:
            raise ValueError(_order_problem(orders, names))
        result.append(min(free, key=rank.__getitem__))
    return tuple(result)


def _order_problem(orders: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    reason = "inventory_item_names: no order of the items agrees with that of every task of the curriculum"
    for i, order in enumerate(orders):
        for j, other in enumerate(orders[:i]):
            if [x for x in order if x in other] != [x for x in other if x in order]:
                return f"{reason}: task {names[j]} has {list(other)}, task {names[i]} has {list(order)}"
    return reason
