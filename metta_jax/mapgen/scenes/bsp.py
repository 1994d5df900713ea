"""Scenes that cut their area into zones at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.bsp import Zone, partition
from metta_jax.mapgen.game_map import EMPTY, WALL, Grid
from metta_jax.mapgen.parameters import Real, Rule, Whole
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.scene import Area, Scene


@dataclass(frozen=True)
class BSP(Scene):
    """Rooms in wall, one in each leaf of a binary space partition, and corridors of one cell that connect them all.

    Siblings are connected where they are nearest: straight if they lie opposite each other, else with one bend.
    Areas: the rooms, tagged "room".

    Attributes:
      rooms: how many.
      min_room_size: least side of a room, cells.
      min_room_size_ratio, max_room_size_ratio: a side is drawn between these shares of the side of its leaf; at least
        one cell of the leaf stays wall.
      skip_corridors: leaves the rooms closed.

    Raises:
      ValueError: the ratios are the wrong way round, or, from `draw`, that many rooms do not fit.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "rooms": Whole(1),
        "min_room_size": Whole(1),
        "min_room_size_ratio": Real(0, 1),
        "max_room_size_ratio": Real(0, 1),
    }

    rooms: SampledInt
    min_room_size: SampledInt = 3
    min_room_size_ratio: SampledFloat = 0.5
    max_room_size_ratio: SampledFloat = 0.9
    skip_corridors: bool = False

    def check(self) -> None:
        low, high = self.min_room_size_ratio, self.max_room_size_ratio
        if low > high:
            raise ValueError(f"min_room_size_ratio: {low} is more than max_room_size_ratio, {high}")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        try:
            root = partition(area.width, area.height, self.rooms, self.min_room_size + 1, rng)
        except ValueError as error:
            raise ValueError(f"rooms: {error}") from None
        if min(area.width, area.height) < self.min_room_size:
            raise ValueError(f"min_room_size: {self.min_room_size} does not fit in {area.width}x{area.height}")
        area.grid[:] = WALL
        rooms = {id(leaf): self._room(leaf, rng) for leaf in root.leaves()}
        for room in rooms.values():
            area.grid[room.y : room.y + room.height, room.x : room.x + room.width] = EMPTY
        if not self.skip_corridors:
            _connect(area.grid, root, rooms, rng)
        return [area.part(room.x, room.y, room.width, room.height, ("room",)) for room in rooms.values()]

    def _room(self, leaf: Zone, rng: np.random.Generator) -> Zone:
        width, height = self._side(leaf.width, rng), self._side(leaf.height, rng)
        x = leaf.x + int(rng.integers(max(1, leaf.width - width)))
        y = leaf.y + int(rng.integers(max(1, leaf.height - height)))
        return Zone(x, y, width, height)

    def _side(self, side: int, rng: np.random.Generator) -> int:
        most = max(self.min_room_size, side - 1)
        low = min(most, max(self.min_room_size, int(self.min_room_size_ratio * side)))
        high = min(most, max(low, int(self.max_room_size_ratio * side)))
        return int(rng.integers(low, high + 1))


@dataclass(frozen=True)
class BSPLayout(Scene):
    """The leaves of a binary space partition as areas, tagged "zone"; nothing is drawn."""

    RULES: ClassVar[Mapping[str, Rule]] = {"area_count": Whole(1)}

    area_count: SampledInt

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        try:
            root = partition(area.width, area.height, self.area_count, 1, rng)
        except ValueError as error:
            raise ValueError(f"area_count: {error}") from None
        return [area.part(leaf.x, leaf.y, leaf.width, leaf.height, ("zone",)) for leaf in root.leaves()]


def _connect(grid: Grid, zone: Zone, rooms: Mapping[int, Zone], rng: np.random.Generator) -> None:
    if zone.parts is None:
        return
    for part in zone.parts:
        _connect(grid, part, rooms, rng)
    first, second = ([rooms[id(leaf)] for leaf in part.leaves()] for part in zone.parts)
    a, b = min(((a, b) for a in first for b in second), key=lambda pair: _gap(*pair))
    across = range(max(a.x, b.x), min(a.x + a.width, b.x + b.width))
    down = range(max(a.y, b.y), min(a.y + a.height, b.y + b.height))
    ax, bx = (_any(range(room.x, room.x + room.width), rng) for room in (a, b))
    ay, by = (_any(range(room.y, room.y + room.height), rng) for room in (a, b))
    if across:
        ax = bx = _any(across, rng)
    elif down:
        ay = by = _any(down, rng)
    # Along the row of the first room, then along the column of the second.
    grid[ay, min(ax, bx) : max(ax, bx) + 1] = EMPTY
    grid[min(ay, by) : max(ay, by) + 1, bx] = EMPTY


def _gap(a: Zone, b: Zone) -> int:
    """Cells between two rooms, counted along rows and columns."""
    across = max(a.x, b.x) - min(a.x + a.width, b.x + b.width)
    down = max(a.y, b.y) - min(a.y + a.height, b.y + b.height)
    return max(0, across) + max(0, down)


def _any(values: range, rng: np.random.Generator) -> int:
    return values[int(rng.integers(len(values)))]
