"""Rooms made of rooms."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from metta_jax.mapgen.game_map import SIZE_LABELS, GameMap, Grid, MapBuilder, common_labels, empty_grid
from metta_jax.mapgen.parameters import Rule, Whole
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt

Arrangement: TypeAlias = Literal["grid", "row", "column"]

Names: TypeAlias = str | tuple[Any, ...]
"""The name of a room, or a tuple of `Names`."""


class _Arranged:
    """Check the layout with the original's words."""

    def check(self, name: str, value: Any) -> None:
        if value not in ("grid", "row", "column"):
            raise ValueError(f"Invalid {name}: {value}. Must be 'grid', 'column', or 'row'")


@dataclass(frozen=True)
class RoomList(Room):
    """Rooms side by side, each in the middle of a cell of the largest size; what is left over is empty.

    Attributes:
      rooms: map builders.
      layout: "grid" has ceil(sqrt(n)) rows, "row" one, "column" n.

    Labels: its own, and those that all rooms have.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"layout": _Arranged()}

    rooms: tuple[MapBuilder, ...]
    layout: Arrangement = "grid"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rooms:
            raise ValueError("rooms: there are none")
        _check_builders({f"rooms.{index}": room for index, room in enumerate(self.rooms)})

    def kind_labels(self) -> tuple[str, ...]:
        return ()

    def draw_labeled(self, rng: np.random.Generator) -> GameMap:
        maps = [room.build(rng.spawn(1)[0]) for room in self.rooms]
        rows = {"grid": math.ceil(math.sqrt(len(maps))), "row": 1, "column": len(maps)}[self.layout]
        columns = math.ceil(len(maps) / rows)
        height = max(len(game_map.grid) for game_map in maps)
        width = max(game_map.grid.shape[1] for game_map in maps)
        grid = empty_grid(rows * height, columns * width)
        for index, game_map in enumerate(maps):
            row, column = divmod(index, columns)
            _center(grid[row * height : (row + 1) * height, column * width : (column + 1) * width], game_map.grid)
        labels = common_labels([game_map.labels for game_map in maps])
        return GameMap(grid, tuple(label for label in labels if label not in SIZE_LABELS))


@dataclass(frozen=True)
class MultiRoom(Room):
    """The same room `num_rooms` times, each drawn separately; a room with a `seed` counts it up.

    Attributes:
      room: a map builder.
      num_rooms: how many.
      layout: as of `RoomList`.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"num_rooms": Whole(1), "layout": _Arranged()}

    room: MapBuilder
    num_rooms: SampledInt
    layout: Arrangement = "grid"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_builders({"room": self.room})

    def kind_labels(self) -> tuple[str, ...]:
        return ()

    def draw_labeled(self, rng: np.random.Generator) -> GameMap:
        seed = getattr(self.room, "seed", None)
        rooms = [self.room] * self.num_rooms
        if seed is not None:
            rooms = [dataclasses.replace(self.room, seed=seed + index) for index in range(self.num_rooms)]  # pyright: ignore
        return RoomList(tuple(rooms), self.layout).draw_labeled(rng)


@dataclass(frozen=True)
class RoomScene(Room):
    """Named rooms in nested rows and columns.

    Attributes:
      rooms: name -> map builder.
      layout: names, nested: the parts of the outermost level stand one below the other, the parts of each of these side
        by side, and so on alternately. Smaller parts stand in the middle; what is left over is empty. A name may come
        more than once; each time the room is redrawn.

    Labels: its own, and those that all rooms have.
    """

    rooms: Mapping[str, MapBuilder]
    layout: tuple[Names, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_builders({f"rooms.{name}": room for name, room in self.rooms.items()})
        self._check_layout(self.layout)

    def kind_labels(self) -> tuple[str, ...]:
        return ()

    def draw_labeled(self, rng: np.random.Generator) -> GameMap:
        maps: list[GameMap] = []
        grid = self._draw(self.layout, False, maps, rng)
        labels = common_labels([game_map.labels for game_map in maps])
        return GameMap(grid, tuple(label for label in labels if label not in SIZE_LABELS))

    def _draw(self, names: Names, side_by_side: bool, maps: list[GameMap], rng: np.random.Generator) -> Grid:
        if isinstance(names, str):
            maps.append(self.rooms[names].build(rng.spawn(1)[0]))
            return maps[-1].grid
        return _joined([self._draw(name, not side_by_side, maps, rng) for name in names], side_by_side)

    def _check_layout(self, names: Names) -> None:
        if isinstance(names, str):
            if names not in self.rooms:
                raise ValueError(f"layout: there is no room {names!r}, only {', '.join(self.rooms)}")
        elif not names:
            raise ValueError("layout: a row or column is empty")
        else:
            for name in names:
                self._check_layout(name)


def _joined(parts: Sequence[Grid], side_by_side: bool) -> Grid:
    if side_by_side:
        return _joined([part.T for part in parts], False).T
    width = max(part.shape[1] for part in parts)
    grid = empty_grid(sum(len(part) for part in parts), width)
    row = 0
    for part in parts:
        _center(grid[row : row + len(part)], part)
        row += len(part)
    return grid


def _center(cell: Grid, part: Grid) -> None:
    y, x = (cell.shape[0] - part.shape[0]) // 2, (cell.shape[1] - part.shape[1]) // 2
    cell[y : y + part.shape[0], x : x + part.shape[1]] = part


def _check_builders(builders: Mapping[str, Any]) -> None:
    for name, builder in builders.items():
        if not isinstance(builder, MapBuilder):
            raise ValueError(f"{name}: {builder!r} is not a map builder, it has no method build(rng)")
