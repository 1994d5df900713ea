"""Scenes that divide their area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, common_labels
from metta_jax.mapgen.parameters import OneOf, Parameters, Rule, Whole, resolved
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.mapgen.scene import Area, Scene

Placement: TypeAlias = Literal["center", "top-left", "top-right", "bottom-left", "bottom-right"]


@dataclass(frozen=True)
class RoomGrid(Scene):
    """Rows and columns of equal rooms with walls between them; what is left over by the division stays wall.

    Areas: one a room, row by row, tagged "room" and "room_<row>_<column>", or by its tag in `layout`.
    Labels: its own, and those that all children have.

    Attributes:
      rows, columns: number of rooms; taken from `layout` if that is given.
      layout: rows of tags.
      border_width, border_object: what stands between the rooms.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"rows": Whole(1), "columns": Whole(1), "border_width": Whole(0)}

    rows: SampledInt = 1
    columns: SampledInt = 1
    layout: tuple[tuple[str, ...], ...] | None = None
    border_width: SampledInt = 5
    border_object: str = WALL

    def __post_init__(self) -> None:
        if self.layout is not None:
            object.__setattr__(self, "layout", tuple(tuple(row) for row in self.layout))
            if not self.layout or not self.layout[0]:
                raise ValueError("layout: there are no rooms")
            for number, row in enumerate(self.layout):
                if len(row) != len(self.layout[0]):
                    raise ValueError(f"layout: row {number} has {len(row)} rooms, row 0 has {len(self.layout[0])}")
            object.__setattr__(self, "rows", len(self.layout))
            object.__setattr__(self, "columns", len(self.layout[0]))
        super().__post_init__()

    def map_labels(self, children: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return (*self.labels, *common_labels(children))

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
class LayoutArea(Parameters):
    """A rectangle of `width` x `height` cells at a place of the whole, called `tag`."""

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(1),
        "height": Whole(1),
        "placement": OneOf(get_args(Placement)),
    }

    width: SampledInt
    height: SampledInt
    placement: Placement = "center"
    tag: str = ""


@dataclass(frozen=True)
class Layout(Scene):
    """Tagged areas and nothing else. In the center of an odd rest, the smaller half is left and above.

    Attributes:
      areas: `LayoutArea`s, or mappings of their fields.

    Raises:
      ValueError: from `draw`, if an area is larger than the whole.
    """

    areas: tuple[LayoutArea, ...] = ()

    def __post_init__(self) -> None:
        areas = (LayoutArea(**area) if isinstance(area, Mapping) else area for area in self.areas)
        object.__setattr__(self, "areas", tuple(areas))
        super().__post_init__()
        for area in self.areas:
            if not isinstance(area, LayoutArea):
                raise ValueError(f"areas: {area!r} is not a LayoutArea")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        return [_placed(area, resolved(wanted, rng)) for wanted in self.areas]


def _placed(area: Area, wanted: LayoutArea) -> Area:
    right, below = area.width - wanted.width, area.height - wanted.height
    x, y = {
        "center": (right // 2, below // 2),
        "top-left": (0, 0),
        "top-right": (right, 0),
        "bottom-left": (0, below),
        "bottom-right": (right, below),
    }[wanted.placement]
    return area.part(x, y, wanted.width, wanted.height, (wanted.tag,) if wanted.tag else ())
