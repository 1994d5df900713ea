"""Scenes that put agents and objects on empty cells, or take them away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import AGENT_PREFIX, EMPTY, Agents, agent_names
from metta_jax.mapgen.numbers import permutation, poisson
from metta_jax.mapgen.parameters import AgentCounts, Counts, Real, Rule
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.scene import Area, Scene

_MAX_TRIES = 10_000


@dataclass(frozen=True)
class Random(Scene):
    """Agents and objects on random empty cells.

    Attributes:
      objects: object name -> count.
      agents: number of agents of group `agent`, or numbers by group.
      too_many_is_ok: if there are not enough empty cells: drop a random rest, or raise.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"objects": Counts(), "agents": AgentCounts()}

    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 0
    too_many_is_ok: bool = True

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        names = [name for name, count in self.objects.items() for _ in range(count)] + agent_names(self.agents)
        cells = np.argwhere(area.grid == EMPTY)
        if len(names) > len(cells) and not self.too_many_is_ok:
            raise ValueError(f"Too many objects for available empty cells: {len(names)} > {len(cells)}")
        count = min(len(names), len(cells))
        order = permutation(len(names), rng)[:count]
        cells = cells[permutation(len(cells), rng)[:count]]
        for name_index, (row, column) in zip(order, cells, strict=True):
            area.grid[row, column] = names[name_index]
        return []


@dataclass(frozen=True)
class RandomObjects(Scene):
    """Objects on random empty cells, as many as a share of the area's cells, rounded down; a rest is dropped.

    Attributes:
      object_ranges: object name -> share, from 0 to 1, usually sampled.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"object_ranges": Counts(Real(0, 1))}

    object_ranges: Mapping[str, SampledFloat] = field(default_factory=dict)

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        counts = {name: int(share * area.grid.size) for name, share in self.object_ranges.items()}
        return Random(objects=counts).draw(area, rng)


@dataclass(frozen=True)
class MeanDistance(Scene):
    """An agent in the center, and each object at a Poisson distance from it in a random direction.

    Attributes:
      mean_distance: in cells; a drawn distance of 0 becomes 1. Places that are taken or outside are drawn again.
      objects: object name -> count.
      agent: the name of the agent's group.

    Raises:
      ValueError: from `draw`, if the center is taken or no place is found in 10,000 tries.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"mean_distance": Real(0), "objects": Counts()}

    mean_distance: SampledFloat
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agent: str = "agent"

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        row, column = area.height // 2, area.width // 2
        if area.grid[row, column] != EMPTY:
            raise ValueError(f"mean_distance: the agent's place in the center is taken by {area.grid[row, column]!r}")
        area.grid[row, column] = f"{AGENT_PREFIX}{self.agent}"
        for name, count in self.objects.items():
            for _ in range(count):
                area.grid[self._place(area, name, rng)] = name
        return []

    def _place(self, area: Area, name: str, rng: np.random.Generator) -> tuple[int, int]:
        for _ in range(_MAX_TRIES):
            distance = max(1, poisson(self.mean_distance, rng))
            angle = 2 * math.pi * float(rng.random())
            row = area.height // 2 + round(distance * math.sin(angle))
            column = area.width // 2 + round(distance * math.cos(angle))
            if 0 <= row < area.height and 0 <= column < area.width and area.grid[row, column] == EMPTY:
                return row, column
        raise ValueError(
            f"objects.{name}: no empty cell at a mean distance of {self.mean_distance} was found in {_MAX_TRIES} tries "
            f"in {area.width}x{area.height}"
        )


@dataclass(frozen=True)
class RemoveAgents(Scene):
    """Agents of all groups become empty cells."""

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        for row in area.grid:
            row[[name == "agent" or name.startswith(AGENT_PREFIX) for name in row.tolist()]] = EMPTY
        return []


@dataclass(frozen=True)
class Nop(Scene):
    """Draw nothing; children get the whole area."""

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        return [area]
