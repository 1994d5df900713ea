"""MultiLeftAndRight: which side has more altars?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import empty_grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import Real, Rule, Whole
from metta_jax.mapgen.places import scatter
from metta_jax.mapgen.sampled import SampledFloat, SampledInt
from metta_jax.mapgen.scene import Area, Scene
from metta_jax.mapgen.scenes.layouts import RoomGrid

_BORDER = 6
_NUM_STRIPS = 7  # altars, two empty, the agent, two empty, altars


@dataclass(frozen=True)
class MultiLeftAndRight(Scene):
    """Identical rooms with one agent each, who stands between altars on its left and on its right.

    A room is cut into seven strips of equal width, and what is left of it stays empty. Altars are scattered over the
    first and the last strip, and the agent stands somewhere in the fourth. int(total_altars altar_ratio) altars are on
    one side, drawn at random but the same in all rooms, the rest on the other. Half of the agents, drawn at random, are
    of team_1 (one more if the number is odd), the others of team_2. Areas: the rooms, as of `RoomGrid`.

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
        height, width = rooms[0].grid.shape
        strip = width // _NUM_STRIPS
        many = int(self.total_altars * self.altar_ratio)
        sides = (many, self.total_altars - many)
        if strip * height < max(1, *sides):
            raise ValueError(
                f"rows, columns: rooms of {width}x{height} are too small for {sides[0]} and {sides[1]} altars"
            )
        content = empty_grid(height, width)
        left, right = sides if rng.integers(2) else sides[::-1]
        for index, count in ((0, left), (_NUM_STRIPS - 1, right)):
            scatter(content[:, index * strip : (index + 1) * strip], ["altar"] * count, rng)
        middle = _NUM_STRIPS // 2 * strip
        agent = int(rng.integers(height)), middle + int(rng.integers(strip))
        num_first = (len(rooms) + 1) // 2
        teams = ["agent.team_1"] * num_first + ["agent.team_2"] * (len(rooms) - num_first)
        for room, index in zip(rooms, permutation(len(rooms), rng), strict=True):
            room.grid[:] = content
            room.grid[agent] = teams[index]
        return rooms
