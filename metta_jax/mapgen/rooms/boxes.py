"""BoxShare and Boxy: altars and generators behind walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, Agents, Grid, empty_grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import AgentCounts, Counts, Rule, Whole
from metta_jax.mapgen.places import (
    check_places,
    counted,
    free_place,
    largest_region,
    scatter_agents,
    scatter_all,
    team_names,
)
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt

_RULES: Mapping[str, Rule] = {"objects": Counts(), "agents": AgentCounts()}
_MAX_TRIES = 500


@dataclass(frozen=True)
class BoxShare(Room):
    """A closed box in the center, through whose walls those inside and those outside share generators.

    The side of the box is 10 to min(19, shorter side - 5). Generators stand in its walls, mines inside, altars and all
    other objects outside. Half of the agents, rounded down, are inside.

    Attributes:
      width, height: at least 15 cells.
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      team: group of all agents, if given.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"width": Whole(15), "height": Whole(15), **_RULES}

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 14
    team: str | None = None

    def kind_labels(self) -> tuple[str, ...]:
        return ("boxshare",)

    def draw(self, rng: np.random.Generator) -> Grid:
        side = int(rng.integers(10, min(19, min(self.width, self.height) - 5) + 1))
        x, y = (self.width - side) // 2, (self.height - side) // 2
        grid = empty_grid(self.height, self.width)
        box = grid[y : y + side, x : x + side]
        box[:] = WALL
        box[1:-1, 1:-1] = EMPTY
        walls = [(row, column) for row in range(1, side - 1) for column in (0, side - 1)]
        walls += [(column, row) for row, column in walls]  # no corners: no agent could use them
        generators = _named(self.objects, "generator")
        check_places("objects", "generators", len(generators), len(walls), "cells in the walls of the box")
        for index, name in zip(permutation(len(walls), rng), generators, strict=False):
            box[walls[index]] = name
        inside = np.zeros(grid.shape, bool)
        inside[y + 1 : y + side - 1, x + 1 : x + side - 1] = True
        outside = np.ones(grid.shape, bool)
        outside[y : y + side, x : x + side] = False
        agents = team_names(self.agents, (self.team,) if self.team else None)
        agents = [agents[index] for index in permutation(len(agents), rng)]
        half = len(agents) // 2
        mines = _named(self.objects, "mine")
        others = [name for name in counted(self.objects) if not name.startswith(("generator", "mine"))]
        scatter_all(grid, agents[:half] + mines, rng, inside, "inside the box")
        scatter_all(grid, agents[half:] + others, rng, outside, "outside the box")
        return grid


@dataclass(frozen=True)
class Boxy(Room):
    """As many boxes as altars, one altar in each; a walled corridor of one cell leads to the only entrance.

    Boxes have sides of 4 to 9 cells, corridors are 3 to 6 long; they stand at least one cell apart. Altars whose box
    finds no place in 500 tries, and all other objects, are outside. Agents are anywhere.

    Attributes:
      width, height: cells inside the border.
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      team: group of all agents, if given.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"width": Whole(1), "height": Whole(1), **_RULES}

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 20
    team: str | None = None

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width)
        occupied = np.zeros(grid.shape, bool)
        wanted = self.objects.get("altar", 0)
        num_altars = sum(_build_box(grid, occupied, rng) for _ in range(wanted))
        rest = {name: count for name, count in self.objects.items() if name != "altar"}
        names = ["altar"] * (wanted - num_altars) + counted(rest)
        scatter_all(grid, names, rng, ~occupied, "outside the boxes")
        scatter_agents(grid, team_names(self.agents, (self.team,) if self.team else None), rng, largest_region(grid))
        return grid


def _build_box(grid: Grid, occupied: np.ndarray, rng: np.random.Generator) -> bool:
    """Draw a box with its corridor and altar on a free place; False if none is found."""
    for _ in range(_MAX_TRIES):
        box = _box(rng)
        place = free_place(occupied, box.shape[0], box.shape[1], rng)
        if place is not None:
            cells = (slice(place[0], place[0] + box.shape[0]), slice(place[1], place[1] + box.shape[1]))
            grid[cells] = box
            occupied[cells] = True
            return True
    return False


def _box(rng: np.random.Generator) -> Grid:
    """A box with a corridor to one of its four sides, str [height, width]."""
    side, length, turns = int(rng.integers(4, 10)), int(rng.integers(3, 7)), int(rng.integers(4))
    entrance = int(rng.integers(1, side - 1))
    box = empty_grid(side + length, side)
    box[:side] = WALL
    box[1 : side - 1, 1 : side - 1] = EMPTY
    # In the row opposite the entrance, so that the altar blocks no agent.
    box[1, int(rng.integers(1, side - 1))] = "altar"
    box[side - 1, entrance] = EMPTY
    box[side:, [entrance - 1, entrance + 1]] = WALL
    return np.rot90(box, turns)


def _named(objects: Mapping[str, int], kind: str) -> list[str]:
    return [name for name in counted(objects) if name.startswith(kind)]
