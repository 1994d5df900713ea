"""What lies on the grid: agents, converters, walls, each with the rules for its own state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.oracle.settings import GroupSettings, ObjectSettings, Recipe
from tests.oracle.stats import Clock, Stats

AGENT_LAYER, OBJECT_LAYER = 0, 1
ZERO = np.float32(0.0)
UNREADY_STATS = "[unknown -- stats tracker not initialized]"


@dataclass
class Wall:
    object_id: int
    row: int
    column: int
    settings: ObjectSettings
    layer: int = OBJECT_LAYER

    @property
    def type_id(self) -> int:
        return self.settings.type_id

    @property
    def type_name(self) -> str:
        return self.settings.name

    @property
    def swappable(self) -> bool:
        return self.settings.swappable


@dataclass
class Agent:
    object_id: int
    row: int
    column: int
    agent_id: int
    group: GroupSettings
    items: tuple[str, ...]
    reward_cap: str
    stats: Stats
    layer: int = AGENT_LAYER
    type_id: int = 0
    type_name: str = "agent"
    orientation: int = 0
    frozen: int = 0
    color: int = 0
    glyph: int = 0
    inventory: dict[int, int] = field(default_factory=dict)
    reward: np.float32 = ZERO
    episode_return: np.float32 = ZERO
    resource_value: np.float32 = ZERO
    stat_value: np.float32 = ZERO
    unsettled: bool = False

    @property
    def swappable(self) -> bool:
        return self.frozen > 0

    def penalize(self) -> None:
        self.reward = np.float32(self.reward - self.group.agent.penalty)

    def look_up(self, item: int) -> int:
        """The amount held. Looking at an item without an entry makes an entry of amount 0."""
        return self.inventory.setdefault(item, 0)

    def update(self, item: int, change: int) -> int:
        """Changes an amount within 0..limit; returns the change that took place."""
        old = self.inventory.get(item, 0)
        new = min(max(old + change, 0), self.group.agent.limits[item])
        if new > 0:
            self.inventory[item] = new
        else:
            self.inventory.pop(item, None)
        delta = new - old
        if delta > 0:
            self.stats.add(f"{self.items[item]}.gained", delta)
        elif delta < 0:
            self.stats.add(f"{self.items[item]}.lost", -delta)
        if item in self.group.agent.rewards:
            if self.reward_cap == "running_total":
                self._reward_running_total(item, delta)
            else:
                self.unsettled = True
        return delta

    def settle(self) -> None:
        """The rules that look at each item, once per transaction (all updates of one get, put, payment or steal)."""
        if not self.unsettled:
            return
        self.unsettled = False
        total = np.float32(0.0)
        for item in sorted(self.inventory):
            if item in self.group.agent.rewards:
                counted = np.float32(self.inventory[item])
                cap = self.group.agent.reward_caps.get(item, np.float32(np.inf))
                if self.reward_cap == "per_item":
                    counted = min(counted, cap)
                worth = np.float32(self.group.agent.rewards[item] * counted)
                if self.reward_cap == "per_item_reward":
                    worth = min(worth, cap)
                total = np.float32(total + worth)
        self._pay(total)

    def _reward_running_total(self, item: int, delta: int) -> None:
        gain = np.float32(self.group.agent.rewards[item] * np.float32(delta))
        total = np.float32(self.resource_value + gain)
        if item in self.group.agent.reward_caps:
            total = min(total, self.group.agent.reward_caps[item])
        self._pay(total)

    def _pay(self, total: np.float32) -> None:
        self.reward = np.float32(self.reward + np.float32(total - self.resource_value))
        self.resource_value = total


@dataclass
class Converter:
    object_id: int
    row: int
    column: int
    settings: ObjectSettings
    recipe: Recipe
    items: tuple[str, ...]
    clock: Clock
    stats: Stats = field(default_factory=lambda: Stats(clock=None))
    layer: int = OBJECT_LAYER
    swappable: bool = False
    inventory: dict[int, int] = field(default_factory=dict)
    converting: bool = False
    cooling: bool = False
    due: int | None = None

    def __post_init__(self) -> None:
        for item in self.recipe.outputs:
            self._change(item, self.recipe.initial_count)
        self.try_start()
        # Until here the statistics knew neither the step nor the names of the items.
        self.stats.clock = self.clock

    @property
    def type_id(self) -> int:
        return self.settings.type_id

    @property
    def type_name(self) -> str:
        return self.settings.name

    @property
    def busy(self) -> bool:
        return self.converting or self.cooling

    def update(self, item: int, change: int) -> int:
        """A change made by an agent; returns the change that took place."""
        delta = self._change(item, change)
        if delta > 0:
            self.stats.add(f"{self._name(item)}.added", delta)
        elif delta < 0:
            self.stats.add(f"{self._name(item)}.removed", -delta)
        self.try_start()
        return delta

    def try_start(self) -> None:
        if self.busy:
            return
        held_output = sum(self.inventory.get(item, 0) for item in self.recipe.outputs)
        if self.recipe.max_output >= 0 and held_output >= self.recipe.max_output:
            self.stats.add("blocked.output_full")
            return
        if any(self.inventory.get(item, 0) < amount for item, amount in self.recipe.inputs.items()):
            self.stats.add("blocked.insufficient_input")
            return
        for item, amount in self.recipe.inputs.items():
            self._change(item, -amount)
            self.stats.add(f"{self._name(item)}.consumed", amount)
        self.converting = True
        self.stats.add("conversions.started")
        self.due = self.clock.step + self.recipe.conversion_ticks

    def run_events(self) -> None:
        """Everything that is due, also what falls due while this runs."""
        while self.due is not None and self.due <= self.clock.step:
            self.due = None
            if self.converting:
                self._finish()
            else:
                self.cooling = False
                self.stats.add("cooldown.completed")
                self.try_start()

    def _finish(self) -> None:
        self.converting = False
        self.stats.add("conversions.completed")
        for item, amount in self.recipe.outputs.items():
            self._change(item, amount)
            self.stats.add(f"{self._name(item)}.produced", amount)
        if self.recipe.cooldown > 0:
            self.cooling = True
            self.stats.add("cooldown.started")
            self.due = self.clock.step + self.recipe.cooldown
        else:
            self.try_start()
        self.stats.add(f"{self.type_name}.produced")

    def _change(self, item: int, change: int) -> int:
        old = self.inventory.get(item, 0)
        new = min(max(old + change, 0), 255)
        if new > 0:
            self.inventory[item] = new
        else:
            self.inventory.pop(item, None)
        return new - old

    def _name(self, item: int) -> str:
        return self.items[item] if self.stats.clock is not None else UNREADY_STATS


Thing = Agent | Converter | Wall
