"""Mazes as scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL
from metta_jax.mapgen.parameters import OneOf, Rule, Whole
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.scene import Area, Scene
from metta_jax.mapgen.spanning import spanning_tree


@dataclass(frozen=True)
class Maze(Scene):
    """Square rooms, connected without cycles through openings of their own width. No outer border.

    There are (width + wall_size) // (room_size + wall_size) columns of rooms, and rows likewise; what is left over by
    the division stays wall. Areas: the corner rooms, tagged top-left, top-right, bottom-left and bottom-right.

    Attributes:
      algorithm: "kruskal", or "dfs" for longer corridors.
      room_size: cells; no more than the sides of the area.
      wall_size: cells.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "algorithm": OneOf(("kruskal", "dfs")),
        "room_size": Whole(1),
        "wall_size": Whole(1),
    }

    algorithm: Literal["kruskal", "dfs"] = "kruskal"
    room_size: SampledInt = 1
    wall_size: SampledInt = 1

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        room = min(self.room_size, area.width, area.height)
        step = room + self.wall_size
        rows = (area.height + self.wall_size) // step
        columns = (area.width + self.wall_size) // step
        area.grid[:] = WALL
        for row in range(rows):
            for column in range(columns):
                area.grid[row * step : row * step + room, column * step : column * step + room] = EMPTY
        for edge in spanning_tree(rows, columns, self.algorithm, rng):
            (top, left), (bottom, right) = min(edge), max(edge)
            area.grid[top * step : bottom * step + room, left * step : right * step + room] = EMPTY
        right, bottom = (columns - 1) * step, (rows - 1) * step
        corners = {"top-left": (0, 0), "top-right": (right, 0), "bottom-left": (0, bottom)}
        corners["bottom-right"] = (right, bottom)
        return [area.part(x, y, room, room, (tag,)) for tag, (x, y) in corners.items()]


@dataclass(frozen=True)
class RadialMaze(Scene):
    """Straight arms from the center at equal angles, the first one to the right; the rest is wall.

    Areas of one cell each: the ends of the arms, tagged "endpoint", in the order of the arms (clockwise), and the
    center, tagged "center".

    Attributes:
      arms: 4 to 12.
      arm_width: cells, rounded up to an even number; one more lies left of and above the middle line than beyond it.
      arm_length: cells from the center, as far as the area allows; None: min(width, height) // 2 - 1.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "arms": Whole(4, 12),
        "arm_width": Whole(1),
        "arm_length": Whole(1, optional=True),
    }

    arms: SampledInt = 4
    arm_width: SampledInt = 4
    arm_length: SampledInt = None

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        side = min(area.width, area.height)
        wanted = max(1, side // 2 - 1) if self.arm_length is None else self.arm_length
        length = min(wanted, (side - 1) // 2)
        center = (area.width // 2, area.height // 2)
        ends = []
        for arm in range(self.arms):
            angle = 2 * math.pi * arm / self.arms
            end = (center[0] + round(length * math.cos(angle)), center[1] + round(length * math.sin(angle)))
            ends.append(end)
        area.grid[:] = WALL
        half = (self.arm_width + 1) // 2
        for end in ends:
            for x, y in line(center, end):
                area.grid[max(0, y - half) : y + half, max(0, x - half) : x + half] = EMPTY
        areas = [area.part(x, y, 1, 1, ("endpoint",)) for x, y in ends]
        return [*areas, area.part(*center, 1, 1, ("center",))]


def line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The cells (x, y) of a straight line, both ends included. (Bresenham, 1965.)"""
    x, y = start
    dx, dy = abs(end[0] - x), -abs(end[1] - y)
    step_x, step_y = (1 if end[0] > x else -1), (1 if end[1] > y else -1)
    error = dx + dy
    cells = [(x, y)]
    while (x, y) != end:
        twice = 2 * error
        if twice >= dy:
            error += dy
            x += step_x
        if twice <= dx:
            error += dx
            y += step_y
        cells.append((x, y))
    return cells
