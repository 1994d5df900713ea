"""VariedTerrain and CylinderWorld: open land with obstacles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from metta_jax.mapgen.game_map import WALL, Agents, Grid, empty_grid
from metta_jax.mapgen.parameters import AgentCounts, Counts, OneOf, Rule, Whole
from metta_jax.mapgen.places import counted, free_place, largest_region, scatter, scatter_agents, team_names
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.rooms.terrain_elements import Mask, block, cross, labyrinth, shape
from metta_jax.mapgen.sampled import SampledInt, uniform

TerrainStyle: TypeAlias = Literal["all-sparse", "balanced", "dense", "maze"]

_BASE_AREA = 60 * 60
_MOST_COVERED = 0.3
_ANY_SIDE = uniform(40, 99)  # of a cylinder world
_ALTAR_SHARE = 0.03  # of the free cells of a labyrinth


class _Element(NamedTuple):
    """Average size in cells, and for each style the range [low, high) of the number in 60 x 60 cells."""

    size: float
    counts: dict[str, tuple[int, int]]


def _element(size: float, *counts: tuple[int, int]) -> _Element:
    return _Element(size, dict(zip(get_args(TerrainStyle), counts, strict=True)))


# In the order in which they are placed.
_ELEMENTS = {
    "labyrinth": _element(72, (0, 2), (3, 7), (6, 15), (10, 20)),
    "large": _element(17.5, (0, 2), (3, 7), (8, 15), (0, 2)),
    "small": _element(4.5, (0, 2), (3, 7), (8, 15), (0, 2)),
    "cross": _element(9, (0, 2), (3, 7), (7, 15), (0, 2)),
    "scattered": _element(1, (0, 2), (3, 7), (40, 60), (0, 2)),
    "block": _element(64, (0, 2), (3, 7), (5, 15), (0, 2)),
}


@dataclass(frozen=True)
class VariedTerrain(Room):
    """Land with labyrinths, obstacles, crosses, single walls and blocks, as many as its style and size ask for.

    Elements neither touch each other nor the edge; one without a free place is left out. Each free cell of a labyrinth
    becomes an altar with a probability of 3 %, as long as fewer than the requested ones stand there. Agents and
    objects are put on cells that can be reached from each other while there are such; objects for which there is no
    empty cell are left out.

    Attributes:
      width, height: cells inside the border.
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      style: "all-sparse", "balanced", "dense" or "maze".
      teams: groups to which the agents are given in turn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(1),
        "height": Whole(1),
        "objects": Counts(),
        "agents": AgentCounts(),
        "style": OneOf(get_args(TerrainStyle)),
    }

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 0
    style: TerrainStyle = "balanced"
    teams: tuple[str, ...] | None = None

    def kind_labels(self) -> tuple[str, ...]:
        return (self.style,)

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width)
        occupied = np.zeros(grid.shape, bool)
        num_altars, wanted_altars = 0, self.objects.get("altar", 0)
        for kind, count in self._element_counts(rng).items():
            for _ in range(count):
                wall = _shape_of(kind, rng)
                place = free_place(occupied, wall.shape[0], wall.shape[1], rng)
                if place is None:
                    continue
                rows, columns = slice(place[0], place[0] + len(wall)), slice(place[1], place[1] + wall.shape[1])
                grid[rows, columns][wall] = WALL
                occupied[rows, columns] = True
                if kind == "labyrinth":
                    altars = np.argwhere(~wall & (rng.random(wall.shape) < _ALTAR_SHARE))
                    for row, column in altars[: wanted_altars - num_altars]:
                        grid[place[0] + row, place[1] + column] = "altar"
                        num_altars += 1
        _put_agents_and_objects(grid, team_names(self.agents, self.teams), self.objects, num_altars, rng)
        return grid

    def _element_counts(self, rng: np.random.Generator) -> dict[str, int]:
        area = self.width * self.height
        counts = {}
        for kind, element in _ELEMENTS.items():
            drawn = int(rng.integers(*element.counts[self.style]))
            counts[kind] = min(drawn * area // _BASE_AREA, int(_MOST_COVERED * area / element.size))
        return counts


@dataclass(frozen=True)
class CylinderWorld(Room):
    """Pairs of parallel walls, 2 to 29 cells long and 1 to 3 cells apart, with an altar in the middle of each pair.

    Pairs are added until two attempts in a row find no place; they neither touch each other nor the edge.

    Attributes:
      width, height: cells inside the border; by default 40 to 99 at random.
      agents: number of agents, or numbers by group.
      objects: object name -> count. With a number of altars, that many are placed: in pairs, then on other cells.
      teams: groups to which the agents are given in turn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(1),
        "height": Whole(1),
        "agents": AgentCounts(),
        "objects": Counts(),
    }

    width: SampledInt = _ANY_SIDE
    height: SampledInt = _ANY_SIDE
    agents: Agents = 0
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    teams: tuple[str, ...] | None = None

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width)
        occupied = np.zeros(grid.shape, bool)
        num_altars, failures = 0, 0
        while failures < 2:
            size = (int(rng.integers(1, 4)) + 2, int(rng.integers(2, 30)))
            is_upright = bool(rng.integers(2))
            height, width = size[::-1] if is_upright else size
            place = free_place(occupied, height, width, rng)
            if place is None:
                failures += 1
                continue
            failures = 0
            cylinder = (slice(place[0], place[0] + height), slice(place[1], place[1] + width))
            occupied[cylinder] = True
            part = grid[cylinder].T if is_upright else grid[cylinder]
            part[[0, -1]] = WALL
            if num_altars < self.objects.get("altar", num_altars + 1):
                part[size[0] // 2, size[1] // 2] = "altar"
                num_altars += 1
        _put_agents_and_objects(grid, team_names(self.agents, self.teams), self.objects, num_altars, rng)
        return grid


def _shape_of(kind: str, rng: np.random.Generator) -> Mask:
    if kind == "labyrinth":
        return labyrinth(rng)
    if kind == "cross":
        return cross(rng)
    if kind == "block":
        return block(rng)
    sizes = {"large": (10, 25), "small": (3, 6), "scattered": (1, 1)}[kind]
    return shape(int(rng.integers(sizes[0], sizes[1] + 1)), rng)


def _put_agents_and_objects(
    grid: Grid, agents: list[str], objects: Mapping[str, int], num_altars: int, rng: np.random.Generator
) -> None:
    region = largest_region(grid)
    scatter_agents(grid, agents, rng, region)
    rest = {name: count - num_altars if name == "altar" else count for name, count in objects.items()}
    scatter(grid, scatter(grid, counted(rest), rng, region), rng)
