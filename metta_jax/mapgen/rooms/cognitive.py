"""Small tests of what an agent remembers and explores; one agent each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, WALL, Grid, empty_grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import Counts, OneOf, Rule, Whole
from metta_jax.mapgen.places import counted, scatter_all
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt

AGENT = "agent.agent"


@dataclass(frozen=True)
class BarrierMaze(Room):
    """An agent, a mine, a generator and an altar on one line, with a barrier of one cell between each two.

    Attributes:
      width, height: cells inside the border; at least 7 along the line and 3 across.
      barrier_size: cells of a barrier; at most all but one of those across; None: that many.
      mode: the gap is at the same side of all barriers, at alternating sides, or ("doorways") barriers go all the way
        and have a door of one cell at a random place.
      orientation: of the line; None: drawn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(3),
        "height": Whole(3),
        "barrier_size": Whole(1, optional=True),
        "mode": OneOf(("same", "alternating", "doorways")),
        "orientation": OneOf(("horizontal", "vertical", None)),
    }

    width: SampledInt = 15
    height: SampledInt = 7
    barrier_size: SampledInt = None
    mode: Literal["same", "alternating", "doorways"] = "same"
    orientation: Literal["horizontal", "vertical"] | None = "horizontal"

    def check(self) -> None:
        lines = {"horizontal": [self.width], "vertical": [self.height], None: [self.width, self.height]}
        for length in lines[self.orientation]:
            if length < 7:
                raise ValueError(f"width, height: {length} cells are not enough for four things and three barriers")
        across = {"horizontal": self.height, "vertical": self.width, None: min(self.width, self.height)}
        most = across[self.orientation] - 1
        if self.barrier_size is not None and self.barrier_size > most:
            raise ValueError(f"barrier_size: {self.barrier_size} is not in 1..{most}")

    def draw(self, rng: np.random.Generator) -> Grid:
        orientation = self.orientation or ("horizontal", "vertical")[int(rng.integers(2))]
        grid = empty_grid(self.height, self.width)
        along = grid if orientation == "horizontal" else grid.T
        across, length = along.shape
        size = across - 1 if self.barrier_size is None else self.barrier_size
        is_flipped = bool(rng.integers(2))
        for index in range(3):
            column = length * (index + 1) // 4
            if self.mode == "doorways":
                along[:, column] = WALL
                along[int(rng.integers(across)), column] = EMPTY
            else:
                at_end = is_flipped ^ (self.mode == "alternating" and index % 2 == 1)
                along[across - size if at_end else 0 : across if at_end else size, column] = WALL
        ends = [-1, *(length * (index + 1) // 4 for index in range(3)), length]
        for index, name in enumerate((AGENT, "mine_red", "generator_red", "altar")):
            along[across // 2, (ends[index] + ends[index + 1]) // 2] = name
        return grid


@dataclass(frozen=True)
class CorridorMaze(Room):
    """A long corridor with arms to both sides; altars at the ends of random arms, the agent in the middle.

    Attributes:
      num_arms: side corridors; they leave the main one every third cell, alternately up and down.
      arm_length: cells, the longest; each arm is 2 to this many cells long.
      num_altars: at most one at the end of each arm.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"num_arms": Whole(1), "arm_length": Whole(2), "num_altars": Whole(0)}

    num_arms: SampledInt = 6
    arm_length: SampledInt = 6
    num_altars: SampledInt = 1

    def check(self) -> None:
        if self.num_altars > self.num_arms:
            raise ValueError(f"num_altars: {self.num_altars} altars are more than {self.num_arms} arms")

    def draw(self, rng: np.random.Generator) -> Grid:
        middle = self.arm_length + 1
        grid = empty_grid(2 * middle + 1, 3 * self.num_arms + 2, WALL)
        grid[middle, 1:-1] = EMPTY
        ends = []
        for arm in range(self.num_arms):
            length, column = int(rng.integers(2, self.arm_length + 1)), 2 + 3 * arm
            step = 1 if arm % 2 else -1
            for distance in range(1, length + 1):
                grid[middle + step * distance, column] = EMPTY
            ends.append((middle + step * length, column))
        for index in permutation(len(ends), rng)[: self.num_altars]:
            grid[ends[index]] = "altar"
        grid[middle, grid.shape[1] // 2] = AGENT
        return grid


@dataclass(frozen=True)
class ExploreExploit(Room):
    """An altar next to the agent, and chambers along a corridor, some of which hold more: stay, or look for better?

    Attributes:
      num_chambers: half of them on either side of the corridor, one more above if the number is odd.
      num_rich: chambers, drawn at random, that hold altars.
      altars_each: altars in each of these, at most 3.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"num_chambers": Whole(1), "num_rich": Whole(0), "altars_each": Whole(1, 3)}

    num_chambers: SampledInt = 8
    num_rich: SampledInt = 2
    altars_each: SampledInt = 3

    def check(self) -> None:
        if self.num_rich > self.num_chambers:
            raise ValueError(f"num_rich: {self.num_rich} is more than num_chambers, {self.num_chambers}")

    def draw(self, rng: np.random.Generator) -> Grid:
        columns = (self.num_chambers + 1) // 2
        grid = empty_grid(11, 4 * columns + 4, WALL)
        grid[5, 1:-1] = EMPTY
        grid[4:7, 1] = [EMPTY, AGENT, "altar"]
        chambers = []
        for index in range(self.num_chambers):
            x = 3 + 4 * (index // 2)
            y, door = ((1, 4), (7, 6))[index % 2]
            grid[y : y + 3, x : x + 3] = EMPTY
            grid[door, x + 1] = EMPTY
            chambers.append(grid[y : y + 3, x : x + 3][:: -1 if index % 2 else 1])
        for index in permutation(len(chambers), rng)[: self.num_rich]:
            chambers[index][0, : self.altars_each] = "altar"
        return grid


@dataclass(frozen=True)
class RoomWithinRoom(Room):
    """A small walled room at a random place in a large one, with one door; the objects are inside, the agent outside.

    Attributes:
      width, height: cells of the large room.
      inner_width, inner_height: of the small one, with its walls; at least 4, and at least 2 less than
        those of the large one.
      objects: object name -> count; as many as leave the cell behind the door free.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(6),
        "height": Whole(6),
        "inner_width": Whole(4),
        "inner_height": Whole(4),
        "objects": Counts(),
    }

    width: SampledInt = 15
    height: SampledInt = 15
    inner_width: SampledInt = 7
    inner_height: SampledInt = 7
    objects: Mapping[str, SampledInt] = field(default_factory=lambda: {"altar": 1})

    def check(self) -> None:
        for name, inner, outer in (
            ("inner_width", self.inner_width, self.width),
            ("inner_height", self.inner_height, self.height),
        ):
            if inner > outer - 2:
                raise ValueError(f"{name}: {inner} is not in 4..{outer - 2}")

    def draw(self, rng: np.random.Generator) -> Grid:
        grid = empty_grid(self.height, self.width)
        y = 1 + int(rng.integers(self.height - self.inner_height - 1))
        x = 1 + int(rng.integers(self.width - self.inner_width - 1))
        room = grid[y : y + self.inner_height, x : x + self.inner_width]
        room[:] = WALL
        room[1:-1, 1:-1] = EMPTY
        # The room is turned so that its door is in the first row.
        turned = np.rot90(room, int(rng.integers(4)))
        door = int(rng.integers(1, turned.shape[1] - 1))
        turned[0, door] = EMPTY
        inside = np.zeros(grid.shape, bool)
        inside[y + 1 : y + self.inner_height - 1, x + 1 : x + self.inner_width - 1] = True
        turned[1, door] = "door"  # kept free while the objects are placed
        scatter_all(grid, counted(self.objects), rng, inside, "in the inner room")
        turned[1, door] = EMPTY
        outside = np.ones(grid.shape, bool)
        outside[y : y + self.inner_height, x : x + self.inner_width] = False
        scatter_all(grid, [AGENT], rng, outside, "outside the inner room")
        return grid
