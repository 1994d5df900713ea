"""Auto: varied maps from a few weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import Agents
from metta_jax.mapgen.numbers import pick
from metta_jax.mapgen.parameters import AgentCounts, Counts, Real, Rule, Table, Whole
from metta_jax.mapgen.sampled import SampledFloat, SampledInt, draw
from metta_jax.mapgen.scene import Area, Child, Scene
from metta_jax.mapgen.scenes.bsp import BSPLayout
from metta_jax.mapgen.scenes.connect import MakeConnected
from metta_jax.mapgen.scenes.fill import Random, RandomObjects
from metta_jax.mapgen.scenes.layouts import RoomGrid
from metta_jax.mapgen.scenes.mirror import Mirror
from metta_jax.mapgen.scenes.pick import Candidate, RandomScene


@dataclass(frozen=True)
class Auto(Scene):
    """Rooms of random content in a random layout; connected, with the agents put in last.

    In each room: one of `content` under a random symmetry, then `room_objects`. Then, over the whole area: `objects`,
    `MakeConnected`, exactly `num_agents` agents, and the scene's own children.

    Attributes:
      num_agents: number of agents, or numbers by group.
      layout: weights of "grid" (rooms without walls between them) and "bsp".
      grid: numbers of "rows" and "columns".
      bsp: the number of zones, "area_count".
      room_symmetry: weights of "none", "horizontal", "vertical" and "x4".
      content: `Candidate`s, mappings of their fields, or scenes; none: empty rooms.
      room_objects: object name -> share of the cells of each room.
      objects: object name -> share of all cells.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "num_agents": AgentCounts(),
        "layout": Table(("grid", "bsp"), Real(0), some=True),
        "grid": Table(("rows", "columns"), Whole(1)),
        "bsp": Table(("area_count",), Whole(1)),
        "room_symmetry": Table(("none", "horizontal", "vertical", "x4"), Real(0), some=True),
        "room_objects": Counts(Real(0, 1)),
        "objects": Counts(Real(0, 1)),
    }

    num_agents: Agents = 1
    layout: Mapping[str, SampledFloat] = field(default_factory=lambda: {"grid": 1, "bsp": 1})
    grid: Mapping[str, SampledInt] = field(default_factory=lambda: {"rows": 2, "columns": 2})
    bsp: Mapping[str, SampledInt] = field(default_factory=lambda: {"area_count": 4})
    room_symmetry: Mapping[str, SampledFloat] = field(default_factory=lambda: {"none": 1})
    content: tuple[Candidate, ...] = ()
    room_objects: Mapping[str, SampledFloat] = field(default_factory=dict)
    objects: Mapping[str, SampledFloat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.content:
            object.__setattr__(self, "content", RandomScene(self.content).candidates)
        super().__post_init__()

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        return [area]

    def all_children(self, rng: np.random.Generator) -> tuple[Child, ...]:
        scenes = (
            self._layout(rng),
            RandomObjects(object_ranges=self.objects),
            MakeConnected(),
            Random(agents=self.num_agents, too_many_is_ok=False),
        )
        return (*(Child(scene, "full") for scene in scenes), *self.children)

    def _layout(self, rng: np.random.Generator) -> Scene:
        rooms = (Child(self._room()), Child(RandomObjects(object_ranges=self.room_objects)))
        if pick([self.layout.get("grid", 0), self.layout.get("bsp", 0)], rng) == 0:
            sides = draw(self.grid, rng)
            return RoomGrid(rows=sides.get("rows", 1), columns=sides.get("columns", 1), border_width=0, children=rooms)
        return BSPLayout(draw(self.bsp, rng).get("area_count", 1), children=rooms)

    def _room(self) -> Scene:
        content = RandomScene(self.content) if self.content else Random()
        return RandomScene(
            tuple(
                Candidate(content if symmetry == "none" else Mirror(content, symmetry), weight)  # pyright: ignore
                for symmetry, weight in self.room_symmetry.items()
            )
        )
