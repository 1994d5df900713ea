"""Manhatten and NarrowWorld: streets of one cell, where agents are in each other's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.game_map import EMPTY, WALL, Agents, Grid, empty_grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import AgentCounts, Counts, Real, Rule, Whole
from metta_jax.mapgen.places import check_places, counted, largest_region, scatter_agents, team_names
from metta_jax.mapgen.regions import NEIGHBORS
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.spanning import spanning_tree

_RULES: Mapping[str, Rule] = {"objects": Counts(), "agents": AgentCounts()}


@dataclass(frozen=True)
class Manhatten(Room):
    """Blocks of wall between streets of one cell, with alcoves along the streets.

    The first street of each direction has a random offset of at least 2 cells, the next ones follow every
    `corridor_spacing` cells; one street end in each side of the map is open to the edge. Objects stand at random
    crossings and in random alcoves, with the walls around them taken away; when these are used up, in walls next to
    streets. Agents are anywhere.

    Attributes:
      width, height: at least 7 cells.
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      corridor_spacing: from street to street; None: max(6, shorter side // 6).
      alcove_prob: probability of an alcove next to each cell of a street.
      heart_prob: probability that an alcove holds an altar; these count as requested ones while there are such.
      team: group of all agents, if given.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(7),
        "height": Whole(7),
        "corridor_spacing": Whole(3, optional=True),
        "alcove_prob": Real(0, 1),
        "heart_prob": Real(0, 1),
        **_RULES,
    }

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 16
    corridor_spacing: SampledInt = None
    alcove_prob: SampledFloat = 0.15
    heart_prob: SampledFloat = 0.0
    team: str | None = None

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width, WALL)
        rows, columns = self._streets(self.height, rng), self._streets(self.width, rng)
        grid[rows, 1:-1] = EMPTY
        grid[1:-1, columns] = EMPTY
        for edge, street in (((0, None), columns), ((-1, None), columns), ((None, 0), rows), ((None, -1), rows)):
            place = street[int(rng.integers(len(street)))]
            grid[tuple(place if index is None else index for index in edge)] = EMPTY
        alcoves = self._alcoves(grid, rng)
        names = counted(self.objects)
        for alcove in [cell for cell in alcoves if float(rng.random()) < self.heart_prob]:
            if "altar" in names:
                names.remove("altar")
                _put(grid, alcove, "altar")
                alcoves.remove(alcove)
        sites = [(row, column) for row in rows for column in columns] + alcoves
        order = permutation(len(sites), rng)[: len(names)]
        for index, name in zip(order, names, strict=False):
            _put(grid, sites[index], name)
        _put_in_walls(grid, names[len(order) :], rng)
        scatter_agents(grid, team_names(self.agents, (self.team,) if self.team else None), rng, largest_region(grid))
        return grid

    def _streets(self, size: int, rng: np.random.Generator) -> list[int]:
        spacing = self.corridor_spacing or max(6, min(self.width, self.height) // 6)
        first = int(rng.integers(2, max(3, min(spacing, size - 2))))
        return list(range(first, size - 2, spacing))

    def _alcoves(self, grid: Grid, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Open one wall next to some of the street cells, and return where."""
        alcoves = []
        for row, column in np.argwhere(grid[1:-1, 1:-1] == EMPTY) + 1:
            if float(rng.random()) >= self.alcove_prob:
                continue
            walls = [
                (int(row + down), int(column + right))
                for down, right in NEIGHBORS
                if 0 < row + down < self.height - 1
                and 0 < column + right < self.width - 1
                and grid[row + down, column + right] == WALL
            ]
            if walls:
                alcoves.append(walls[int(rng.integers(len(walls)))])
                grid[alcoves[-1]] = EMPTY
        return alcoves


@dataclass(frozen=True)
class NarrowWorld(Room):
    """A maze of corridors of one cell; single walls are opened as passing bays. Objects stand in walls along them.

    Attributes:
      width, height: at least 3 cells; of an even number, the last one is wall.
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      pass_bay_prob: probability that a wall next to a corridor is opened.
      team: group of all agents, if given.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(3),
        "height": Whole(3),
        "pass_bay_prob": Real(0, 1),
        **_RULES,
    }

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 15
    pass_bay_prob: SampledFloat = 0.05
    team: str | None = None

    def draw(self, rng: np.random.Generator) -> Grid:
        rows, columns = (self.height - 1) // 2, (self.width - 1) // 2
        grid = empty_grid(self.height, self.width, WALL)
        grid[1 : 2 * rows : 2, 1 : 2 * columns : 2] = EMPTY
        for (row, column), (other_row, other_column) in spanning_tree(rows, columns, "dfs", rng):
            grid[row + other_row + 1, column + other_column + 1] = EMPTY
        bays = _walls_beside_streets(grid) & (rng.random(grid.shape) < self.pass_bay_prob)
        grid[bays] = EMPTY
        _put_in_walls(grid, counted(self.objects), rng)
        scatter_agents(grid, team_names(self.agents, (self.team,) if self.team else None), rng)
        return grid


def _put(grid: Grid, cell: tuple[int, int], name: str) -> None:
    """Put an object down and take the walls around it away, except those at the edge of the map."""
    row, column = cell
    for r in range(max(1, row - 1), min(len(grid) - 1, row + 2)):
        for c in range(max(1, column - 1), min(grid.shape[1] - 1, column + 2)):
            if grid[r, c] == WALL:
                grid[r, c] = EMPTY
    grid[cell] = name


def _put_in_walls(grid: Grid, names: list[str], rng: np.random.Generator) -> None:
    cells = np.argwhere(_walls_beside_streets(grid))
    check_places("objects", "objects", len(names), len(cells), "walls along streets")
    for index, name in zip(permutation(len(cells), rng), names, strict=False):
        grid[tuple(cells[index])] = name


def _walls_beside_streets(grid: Grid) -> NDArray[np.bool_]:
    """Walls with an empty neighbor that are not at the edge of the map."""
    empty = grid == EMPTY
    adjacent = np.zeros_like(empty)
    adjacent[1:-1, 1:-1] = empty[:-2, 1:-1] | empty[2:, 1:-1] | empty[1:-1, :-2] | empty[1:-1, 2:]
    return adjacent & (grid == WALL)
