"""`Oracle`: the same calls as `metta_jax.mettagrid.MettaGrid`, one agent and one rule at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.oracle.actions import dispatch
from tests.oracle.grid import Grid
from tests.oracle.observe import feature_names, object_tokens, observe
from tests.oracle.settings import GroupSettings, Settings, read_settings
from tests.oracle.stats import Clock, Stats
from tests.oracle.things import Agent, Converter, Thing, Wall

Map = Sequence[Sequence[str]]
EMPTY_NAMES = ("empty", ".", " ")


@dataclass(frozen=True)
class TimeStep:
    """What a step returns: observation uint8 [A, M, 3], reward float32 [A], three bool [A]."""

    observation: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    action_success: np.ndarray


@dataclass
class World:
    """One episode. It changes in place."""

    grid: Grid
    clock: Clock
    stats: Stats
    things: list[Thing] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    converters: list[Converter] = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False

    @property
    def episode_return(self) -> np.ndarray:
        return np.array([agent.episode_return for agent in self.agents], np.float32)


class Oracle:
    """The reference engine.

    Args:
      config: the game configuration as a plain dict, field names of the original.
      maps: one map or several (rows of object names).
      resource_reward_cap: replaces the configured knob.
    """

    params = None

    def __init__(self, config: Mapping[str, Any], maps: Any, resource_reward_cap: str | None = None):
        self.settings = read_settings(config, resource_reward_cap)
        self.maps: list[Map] = list(maps) if not isinstance(maps[0][0], str) else [maps]
        self.num_agents = self.settings.num_agents
        self.action_names = [action.reported_name for action in self.settings.actions]
        self.max_action_args = [action.max_argument for action in self.settings.actions]
        self.inventory_item_names = list(self.settings.items)
        self.object_type_names = _type_names(self.settings)

    def reset(self, params: Any = None, key: Any = None, map_index: int | None = None) -> tuple[World, TimeStep]:
        """Builds the world of `maps[map_index]` (the first one if None); `params` and `key` are not used."""
        world = _build(self.settings, self.maps[map_index or 0])
        nothing = np.zeros((self.num_agents, 2), np.int32)
        return world, self._timestep(world, nothing, np.zeros(self.num_agents, np.bool_))

    def step(self, params: Any, state: World, actions: Any, order: Any) -> tuple[World, TimeStep]:
        """One step; `actions` int32 [A, 2], `order` int32 [A]: the agents in the order in which they act."""
        world = state
        given = np.asarray(actions)
        success = np.zeros(self.num_agents, np.bool_)
        for agent in world.agents:
            agent.reward = np.float32(0.0)

        world.clock.step += 1
        for converter in world.converters:
            converter.run_events()

        highest = max((action.priority for action in self.settings.actions), default=0)
        for priority in range(highest, -1, -1):
            for index in np.asarray(order).tolist():
                kind, argument = (int(number) for number in given[index])
                outcome = dispatch(world.grid, world.agents[index], self.settings.actions, priority, kind, argument)
                if outcome is not None:
                    success[index] = outcome

        observation = self._observe(world, given)
        for agent in world.agents:
            _pay_stat_rewards(agent)
        for agent in world.agents:
            agent.episode_return = np.float32(agent.episode_return + agent.reward)
        if self.settings.max_steps > 0 and world.clock.step >= self.settings.max_steps:
            if self.settings.truncates:
                world.truncated = True
            else:
                world.terminated = True
        _share_rewards(self.settings, world.agents)
        return world, self._pack(world, observation, success)

    def episode_stats(self, params: Any, state: World) -> dict[str, Any]:
        return {
            "game": state.stats.read(),
            "agent": [agent.stats.read() for agent in state.agents],
            "converter": [_converter_stats(converter, state.clock) for converter in state.converters],
        }

    def grid_objects(self, params: Any, state: World) -> dict[int, dict[str, Any]]:
        return {thing.object_id: self._describe(thing) for thing in state.things}

    def agent_inventory(self, state: World) -> np.ndarray:
        """int16 [A, I]: amounts; -1 no entry, 0 an entry of amount 0."""
        return _inventories(state.agents, len(self.settings.items))

    def converter_inventory(self, state: World) -> np.ndarray:
        """int16 [C, I]: amounts; -1 none."""
        return _inventories(state.converters, len(self.settings.items))

    def agent_state(self, state: World) -> np.ndarray:
        """int16 [A, 7]: row, column, orientation, frozen, color, glyph, group."""
        rows = [
            (agent.row, agent.column, agent.orientation, agent.frozen, agent.color, agent.glyph, agent.group.group_id)
            for agent in state.agents
        ]
        return np.array(rows, np.int16).reshape(len(rows), 7)

    def _timestep(self, world: World, actions: np.ndarray, success: np.ndarray) -> TimeStep:
        return self._pack(world, self._observe(world, actions), success)

    def _pack(self, world: World, observation: np.ndarray, success: np.ndarray) -> TimeStep:
        return TimeStep(
            observation=observation,
            reward=np.array([agent.reward for agent in world.agents], np.float32),
            terminated=np.full(self.num_agents, world.terminated),
            truncated=np.full(self.num_agents, world.truncated),
            action_success=success,
        )

    def _observe(self, world: World, actions: np.ndarray) -> np.ndarray:
        observations = []
        for agent in world.agents:
            kind, argument = (int(number) for number in actions[agent.agent_id])
            seen, packing = observe(world.grid, self.settings, agent, world.clock.step, kind, argument)
            observations.append(seen)
            world.stats.add("tokens_written", packing.written)
            world.stats.add("tokens_dropped", packing.dropped)
            world.stats.add("tokens_free_space", packing.free)
        return np.stack(observations)

    def _describe(self, thing: Thing) -> dict[str, Any]:
        names = feature_names(self.settings.items)
        view: dict[str, Any] = {
            "id": thing.object_id,
            "type": thing.type_id,
            "type_name": thing.type_name,
            "r": thing.row,
            "c": thing.column,
            "layer": thing.layer,
        }
        view.update({names[feature]: value for feature, value in object_tokens(thing)})
        if isinstance(thing, Agent):
            view["orientation"] = thing.orientation
            view["group_name"] = thing.group.name
            view["frozen"] = thing.frozen
            view["inventory"] = dict(sorted(thing.inventory.items()))
            view["agent_id"] = thing.agent_id
        return view


def _build(settings: Settings, rows: Map) -> World:
    world = World(grid=Grid(len(rows), len(rows[0])), clock=Clock(), stats=Stats(clock=None))
    world.stats.clock = world.clock
    for r, row in enumerate(rows):
        for c, name in enumerate(row):
            if name not in EMPTY_NAMES:
                thing = _make(settings, world, name, r, c)
                world.things.append(thing)
                world.grid.place(thing)
    if len(world.agents) != settings.num_agents:
        raise ValueError(f"num_agents: {settings.num_agents} is not the map's number of agents, {len(world.agents)}")
    return world


def _make(settings: Settings, world: World, name: str, row: int, column: int) -> Thing:
    object_id = len(world.things) + 1
    group = settings.groups.get(name.removeprefix("agent.")) if name.startswith("agent.") else None
    if group is not None:
        agent = Agent(
            object_id=object_id,
            row=row,
            column=column,
            agent_id=len(world.agents),
            group=group,
            items=settings.items,
            reward_cap=settings.reward_cap,
            stats=Stats(world.clock),
        )
        world.agents.append(agent)
        return agent
    if name not in settings.objects:
        raise ValueError(f"Unknown object type: {name}")
    entry = settings.objects[name]
    world.stats.add(f"objects.{name}")
    if entry.recipe is None:
        return Wall(object_id, row, column, entry)
    converter = Converter(object_id, row, column, entry, entry.recipe, settings.items, world.clock)
    world.converters.append(converter)
    return converter


def _type_names(settings: Settings) -> list[str]:
    """Names by type id. The original makes room for every configured object and group, or for the largest id."""
    size = max(len(settings.objects) + len(settings.groups), *(o.type_id + 1 for o in settings.objects.values()), 0)
    names = [""] * size
    names[0] = "agent"
    for entry in settings.objects.values():
        taken = names[entry.type_id]
        if taken and taken != entry.name:
            raise ValueError(
                f"Object type_id {entry.type_id} already exists with type_name {taken}. Trying to add {entry.name}."
            )
        names[entry.type_id] = entry.name
    return names


def _pay_stat_rewards(agent: Agent) -> None:
    if not agent.group.agent.stat_rewards:
        return
    known = agent.stats.read()
    total = np.float32(0.0)
    for key, weight, cap in agent.group.agent.stat_rewards:
        if key in known:
            value = np.float32(np.float32(known[key]) * weight)
            total = np.float32(total + (min(value, cap) if cap is not None else value))
    if total != agent.stat_value:
        agent.reward = np.float32(agent.reward + np.float32(total - agent.stat_value))
        agent.stat_value = total


def _share_rewards(settings: Settings, agents: list[Agent]) -> None:
    sizes = Counter(agent.group.group_id for agent in agents)
    percentages = _percentages(settings.groups)
    pools = dict.fromkeys(sizes, np.float32(0.0))
    any_reward = False
    for agent in agents:
        if agent.reward != 0:
            any_reward = True
            group = agent.group.group_id
            given = np.float32(agent.reward * percentages[group])
            agent.reward = np.float32(agent.reward - given)
            pools[group] = np.float32(pools[group] + np.float32(given / np.float32(sizes[group])))
    if any_reward:
        for agent in agents:
            agent.reward = np.float32(agent.reward + pools[agent.group.group_id])


def _percentages(groups: dict[str, GroupSettings]) -> dict[int, np.float32]:
    """By group id; of groups that share an id the last name wins."""
    return {groups[name].group_id: groups[name].reward_pct for name in sorted(groups)}


def _converter_stats(converter: Converter, clock: Clock) -> dict[str, float]:
    # Set when read; each reading would count an update in the original, so ours counts exactly one.
    place = Stats(clock)
    place.set("type_id", converter.type_id)
    place.set("location.r", converter.row)
    place.set("location.c", converter.column)
    return converter.stats.read() | place.read()


def _inventories(holders: Sequence[Agent | Converter], num_items: int) -> np.ndarray:
    amounts = np.full((len(holders), num_items), -1, np.int16)
    for row, holder in zip(amounts, holders, strict=True):
        for item, amount in holder.inventory.items():
            row[item] = amount
    return amounts
