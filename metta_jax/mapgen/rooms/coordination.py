"""Small rooms in which agents have to work together: objects stand in the walls around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, Agents, GameMap, Grid, agent_names, empty_grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import AgentCounts, OneOf, Rule, Whole
from metta_jax.mapgen.places import check_places, scatter_agents
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt

Cells: TypeAlias = list[tuple[int, int]]

_COUNTS: Mapping[str, Rule] = {
    "num_mines": Whole(0),
    "num_generators": Whole(0),
    "num_altars": Whole(0),
    "agents": AgentCounts(),
}


@dataclass(frozen=True)
class CentralTableLayout(Room):
    """A table of wall in the middle, a lane around it with the agents, and objects in the outermost ring.

    Generators stand at the long sides (of a square: above and below), mines and altars anywhere on the ring; the rest
    of the ring is wall.

    Attributes:
      width, height: with the ring; at least 2 (lane_width + 1) + 1 cells.
      lane_width: cells.
      num_mines, num_generators, num_altars: of mine_red, generator_red and altar.
      agents: number of agents, or numbers by group.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"width": Whole(5), "height": Whole(5), "lane_width": Whole(1), **_COUNTS}

    width: SampledInt
    height: SampledInt
    lane_width: SampledInt = 1
    num_mines: SampledInt = 1
    num_generators: SampledInt = 1
    num_altars: SampledInt = 1
    agents: Agents = 2

    def check(self) -> None:
        least = 2 * (self.lane_width + 1) + 1
        for name, value in (("width", self.width), ("height", self.height)):
            if value < least:
                raise ValueError(f"{name}: {value} is not at least {least}, for a lane of {self.lane_width}")

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width, WALL)
        grid[1:-1, 1:-1] = EMPTY
        table = 1 + self.lane_width
        grid[table:-table, table:-table] = WALL
        lying = _sides(self.height, self.width, 0) + _sides(self.height, self.width, 1)
        standing = _sides(self.height, self.width, 2) + _sides(self.height, self.width, 3)
        long = lying if self.width >= self.height else standing
        rest = _put(grid, long, ["generator_red"] * self.num_generators, rng, "cells in the long sides")
        others = ["mine_red"] * self.num_mines + ["altar"] * self.num_altars
        _put(grid, rest + (standing if long is lying else lying), others, rng, "free cells in the outer ring")
        scatter_agents(grid, agent_names(self.agents), rng)
        return grid


@dataclass(frozen=True)
class ConfinedRoomCoord(Room):
    """A floor for the agents, and all objects in the ring around it, whose corners are wall.

    Attributes:
      width, height: of the floor; the map is two cells wider and higher.
      num_mines, num_generators, num_altars: of mine_red, generator_red and altar.
      agents: number of agents, or numbers by group.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"width": Whole(1), "height": Whole(1), **_COUNTS}

    width: SampledInt
    height: SampledInt
    num_mines: SampledInt = 1
    num_generators: SampledInt = 1
    num_altars: SampledInt = 1
    agents: Agents = 2

    def draw(self, rng: np.random.Generator) -> Grid:
        height, width = self.height + 2, self.width + 2
        grid = empty_grid(height, width, WALL)
        grid[1:-1, 1:-1] = EMPTY
        ring = [cell for side in range(4) for cell in _sides(height, width, side)]
        names = ["mine_red"] * self.num_mines + ["generator_red"] * self.num_generators + ["altar"] * self.num_altars
        _put(grid, ring, names, rng, "cells in the ring")
        scatter_agents(grid, agent_names(self.agents), rng)
        return grid


@dataclass(frozen=True)
class TwoRoomsCoord(Room):
    """Two rooms side by side that share the generators in the wall between them.

    Altars stand in the outer walls of one room, mines in those of the other; which is which is drawn. The agents are
    put in one room and the other alternately.

    Attributes:
      width, height: of the floor of one room; at least 3 cells.
      num_shared_generators, num_altars, num_mines: of generator_red, altar and mine_red.
      agents: number of agents, or numbers by group.
      arrangement: "horizontal": side by side, "vertical": one above the other, None: drawn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(3),
        "height": Whole(3),
        "num_shared_generators": Whole(0),
        "num_altars": Whole(0),
        "num_mines": Whole(0),
        "agents": AgentCounts(),
        "arrangement": OneOf(("horizontal", "vertical", None)),
    }

    width: SampledInt
    height: SampledInt
    num_shared_generators: SampledInt = 1
    num_altars: SampledInt = 1
    num_mines: SampledInt = 1
    agents: Agents = 2
    arrangement: Literal["horizontal", "vertical"] | None = None

    def draw_labeled(self, rng: np.random.Generator) -> GameMap:
        arrangement = self.arrangement or ("horizontal", "vertical")[int(rng.integers(2))]
        return GameMap(self._draw(arrangement, rng), (arrangement,))

    def _draw(self, arrangement: str, rng: np.random.Generator) -> Grid:
        # Drawn side by side; for rooms above each other, the drawing is turned over in the end.
        is_vertical = arrangement == "vertical"
        width, height = (self.height, self.width) if is_vertical else (self.width, self.height)
        grid = empty_grid(height + 2, 2 * width + 3, WALL)
        rooms = [grid[:, : width + 2], grid[:, width + 1 :]]
        for room in rooms:
            room[1:-1, 1:-1] = EMPTY
        shared = [(row, width + 1) for row in range(1, height + 1)]
        _put(grid, shared, ["generator_red"] * self.num_shared_generators, rng, "cells in the shared wall")
        contents = [["altar"] * self.num_altars, ["mine_red"] * self.num_mines]
        order = [int(index) for index in permutation(2, rng)]
        for index, room in enumerate(rooms):
            outer = 2 if index == 0 else 3  # the side away from the shared wall
            walls = [cell for side in (0, 1, outer) for cell in _sides(height + 2, width + 2, side)]
            _put(room, walls, contents[order[index]], rng, "cells in the outer walls of one room")
        agents = agent_names(self.agents)
        for index, room in enumerate(rooms):
            scatter_agents(room, agents[index::2], rng)
        return np.ascontiguousarray(grid.T) if is_vertical else grid


def _sides(height: int, width: int, side: int) -> Cells:
    """The cells of the top, bottom, left or right side of a rectangle, without its corners."""
    if side < 2:
        return [((height - 1) * side, column) for column in range(1, width - 1)]
    return [(row, (width - 1) * (side - 2)) for row in range(1, height - 1)]


def _put(grid: Grid, cells: Cells, names: list[str], rng: np.random.Generator, places: str) -> Cells:
    """Put names on random ones of the cells and return the other cells."""
    check_places("num_mines, num_generators, num_altars", "objects", len(names), len(cells), places)
    order = [int(index) for index in permutation(len(cells), rng)]
    for index, name in zip(order, names, strict=False):
        grid[cells[index]] = name
    return [cells[index] for index in order[len(names) :]]
