"""Mazes from an agent to an altar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.expressions import make_odd
from metta_jax.mapgen.game_map import EMPTY, WALL, Grid, empty_grid
from metta_jax.mapgen.parameters import Rule, Whole
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.spanning import Algorithm, spanning_tree


@dataclass(frozen=True)
class _Maze(Room):
    ALGORITHM: ClassVar[Algorithm]
    RULES: ClassVar[Mapping[str, Rule]] = {"width": Whole(1), "height": Whole(1)}

    width: SampledInt
    height: SampledInt
    start_pos: tuple[int, int] | None = None
    end_pos: tuple[int, int] | None = None

    def check(self) -> None:
        self._ends()

    def draw(self, rng: np.random.Generator) -> Grid:
        width, height = make_odd(self.width), make_odd(self.height)
        grid = empty_grid(height, width, WALL)
        grid[1::2, 1::2] = EMPTY
        for (row, column), (other_row, other_column) in spanning_tree(height // 2, width // 2, self.ALGORITHM, rng):
            grid[row + other_row + 1, column + other_column + 1] = EMPTY
        start, end = self._ends()
        grid[end[1], end[0]] = "altar"
        grid[start[1], start[0]] = "agent.agent"
        return grid

    def _ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        width, height = make_odd(self.width), make_odd(self.height)
        ends = {"start_pos": self.start_pos or (1, 1), "end_pos": self.end_pos or (width - 2, height - 2)}
        for name, (x, y) in ends.items():
            if not (0 < x < width and 0 < y < height and x % 2 and y % 2):
                raise ValueError(
                    f"{name}: ({x}, {y}) is not a place of the maze: x odd in 1..{width - 2}, y odd in 1..{height - 2}"
                )
        if ends["start_pos"] == ends["end_pos"]:
            raise ValueError(f"end_pos: {ends['end_pos']} is the place of the agent")
        return ends["start_pos"], ends["end_pos"]


@dataclass(frozen=True)
class MazePrim(_Maze):
    """A maze of corridors of one cell, grown from a random place; an agent at the start, an altar at the end.

    Attributes:
      width, height: with the outer walls; even ones grow by one, and at least one of them is at least 4.
      start_pos, end_pos: x and y, both odd; by default in the upper left and the lower right corner.
    """

    ALGORITHM: ClassVar[Algorithm] = "prim"


@dataclass(frozen=True)
class MazeKruskal(_Maze):
    """As `MazePrim`, but opened at random places all over, with more short dead ends."""

    ALGORITHM: ClassVar[Algorithm] = "kruskal"
