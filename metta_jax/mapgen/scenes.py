"""The scenes that the named worlds are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metta_jax.config import FrozenDict
from metta_jax.mapgen.game_map import EMPTY, WALL, Agents, agent_names, check_counts
from metta_jax.mapgen.scene import Area, Scene

_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Random(Scene):
    """Agents and objects on random empty cells.

    Attributes:
      objects: object name -> count.
      agents: number of agents of group `agent`, or numbers by group.
      too_many_is_ok: if there are not enough empty cells: drop a random rest, or raise.
    """

    objects: Mapping[str, int] = field(default_factory=dict)
    agents: Agents = 0
    too_many_is_ok: bool = True

    def __post_init__(self) -> None:
        check_counts("objects", self.objects)
        check_counts("agents", self.agents)
        object.__setattr__(self, "objects", FrozenDict(self.objects))
        if isinstance(self.agents, Mapping):
            object.__setattr__(self, "agents", FrozenDict(self.agents))

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        names = [name for name, count in self.objects.items() for _ in range(count)] + agent_names(self.agents)
        cells = np.argwhere(area.grid == EMPTY)
        if len(names) > len(cells) and not self.too_many_is_ok:
            raise ValueError(f"Too many objects for available empty cells: {len(names)} > {len(cells)}")
        count = min(len(names), len(cells))
        order = rng.permutation(len(names))[:count]
        cells = cells[rng.permutation(len(cells))[:count]]
        for name_index, (row, column) in zip(order, cells, strict=True):
            area.grid[row, column] = names[name_index]
        return []


@dataclass(frozen=True)
class RoomGrid(Scene):
    """Rows and columns of equal rooms with walls between them; what is left over by the division stays wall.

    Areas: one a room, row by row, tagged "room" and "room_<row>_<column>", or by its tag in `layout`.

    Attributes:
      rows, columns: number of rooms; taken from `layout` if that is given.
      layout: rows of tags.
      border_width, border_object: what stands between the rooms.
    """

    rows: int = 1
    columns: int = 1
    layout: tuple[tuple[str, ...], ...] | None = None
    border_width: int = 5
    border_object: str = WALL

    def __post_init__(self) -> None:
        if self.layout is not None:
            object.__setattr__(self, "layout", tuple(tuple(row) for row in self.layout))
            object.__setattr__(self, "rows", len(self.layout))
            object.__setattr__(self, "columns", len(self.layout[0]))
        for name, value, least in (
            ("rows", self.rows, 1),
            ("columns", self.columns, 1),
            ("border_width", self.border_width, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: {value} is not at least {least}")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        width = (area.width - self.border_width * (self.columns - 1)) // self.columns
        height = (area.height - self.border_width * (self.rows - 1)) // self.rows
        if min(width, height) < 1:
            raise ValueError(f"rows, columns: {self.rows}x{self.columns} rooms do not fit {area.width}x{area.height}")
        area.grid[:] = self.border_object
        rooms = []
        for row in range(self.rows):
            for column in range(self.columns):
                tags = (self.layout[row][column],) if self.layout else ("room", f"room_{row}_{column}")
                x, y = column * (width + self.border_width), row * (height + self.border_width)
                room = area.part(x, y, width, height, tags)
                room.grid[:] = EMPTY
                rooms.append(room)
        return rooms


@dataclass(frozen=True)
class MakeConnected(Scene):
    """Makes all empty cells reachable from each other.

    The largest component of empty cells (4 neighbours) stays; from a nearest cell of each other component a random
    shortest tunnel is dug to it. Agents and objects are not empty: draw this before them.
    """

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        components = _components(area.grid == EMPTY)
        if len(components) < 2:
            return []
        largest = max(range(len(components)), key=lambda index: int(components[index].sum()))
        everywhere = np.ones(area.grid.shape, dtype=bool)
        distance = _distances(components[largest], everywhere)
        for index, component in enumerate(components):
            if index != largest:
                self._dig(area.grid, component, distance, rng)
        return []

    @staticmethod
    def _dig(grid: np.ndarray, component: NDArray[np.bool_], distance: NDArray[np.int32], rng: np.random.Generator):
        nearest = np.argwhere(component & (distance == distance[component].min()))
        row, column = nearest[rng.integers(len(nearest))]
        while distance[row, column] > 0:
            grid[row, column] = EMPTY
            closer = [
                (row + down, column + right)
                for down, right in _NEIGHBOURS
                if 0 <= row + down < grid.shape[0]
                and 0 <= column + right < grid.shape[1]
                and distance[row + down, column + right] < distance[row, column]
            ]
            row, column = closer[rng.integers(len(closer))]


def _components(empty: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The connected components of a bool [height, width] mask, as masks, in scan order of their first cells."""
    rest = empty.copy()
    components = []
    while rest.any():
        start = np.zeros_like(rest)
        start.flat[rest.argmax()] = True
        component = _distances(start, empty) >= 0
        components.append(component)
        rest &= ~component
    return components


def _distances(sources: NDArray[np.bool_], passable: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Steps from the nearest source to every cell through passable ones, int32 [height, width]; -1 if unreachable."""
    distance = np.where(sources, 0, -1).astype(np.int32)
    frontier = sources
    step = 0
    while frontier.any():
        step += 1
        grown = np.zeros_like(frontier)
        grown[1:] |= frontier[:-1]
        grown[:-1] |= frontier[1:]
        grown[:, 1:] |= frontier[:, :-1]
        grown[:, :-1] |= frontier[:, 1:]
        frontier = grown & passable & (distance < 0)
        distance[frontier] = step
    return distance
