"""MultiLeftAndRight: which side has more altars?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import Real, Rule, Whole
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.scene import Area, Scene
from metta_jax.mapgen.scenes.layouts import RoomGrid

_BORDER = 6
_STRIP = 7  # columns: altars, two empty, the agent, two empty, altars


@dataclass(frozen=True)
class MultiLeftAndRight(Scene):
    """Identical rooms with one agent each, who stands in the middle between altars on its left and on its right.

    int(total_altars altar_ratio) altars are on one side, drawn at random but the same in all rooms, the rest on the
    other. Half of the agents, drawn at random, are of team_1 (one more if the number is odd), the others of team_2.
    Areas: the rooms, as of `RoomGrid`.

    Raises:
      ValueError: from `draw`, if the rooms are too small.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "rows": Whole(1),
        "columns": Whole(1),
        "total_altars": Whole(0),
        "altar_ratio": Real(0, 1),
    }

    rows: SampledInt
    columns: SampledInt
    total_altars: SampledInt
    altar_ratio: SampledFloat = 0.75

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        rooms = RoomGrid(rows=self.rows, columns=self.columns, border_width=_BORDER).draw(area, rng)
        room = rooms[0]
        many = int(self.total_altars * self.altar_ratio)
        sides = (many, self.total_altars - many)
        if room.width < _STRIP or room.height < max(1, *sides):
            raise ValueError(
                f"rows, columns: rooms of {room.width}x{room.height} are too small for {sides[0]} and {sides[1]} altars"
            )
        left, right = sides if rng.integers(2) else sides[::-1]
        num_first = (len(rooms) + 1) // 2
        teams = ["agent.team_1"] * num_first + ["agent.team_2"] * (len(rooms) - num_first)
        for room, index in zip(rooms, permutation(len(rooms), rng), strict=True):
            x = (room.width - _STRIP) // 2
            for column, count in ((x, left), (x + _STRIP - 1, right)):
                top = (room.height - count) // 2
                room.grid[top : top + count, column] = "altar"
            room.grid[room.height // 2, x + _STRIP // 2] = teams[index]
        return rooms
