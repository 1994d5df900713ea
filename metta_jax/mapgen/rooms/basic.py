"""Rooms that are scattered at random, drawn as text, or given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from metta_jax.mapgen import ascii as ascii_map
from metta_jax.mapgen.game_map import EMPTY, Agents, GameMap, Grid, agent_names, as_grid
from metta_jax.mapgen.numbers import generator, permutation
from metta_jax.mapgen.parameters import AgentCounts, Counts, Parameters, Rule, Whole
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.sampled import SampledInt


@dataclass(frozen=True)
class RandomRoom(Room):
    """`width` x `height` cells with agents and objects scattered over all of them.

    If objects and agents would fill more than two thirds of the room, the object counts are halved, each staying at
    least 1, until they do not. The number of agents never changes. The border is drawn outside.

    Attributes:
      width, height: cells inside the border.
      objects: object name -> count.
      agents: number of agents of group `agent`, or numbers by group.
      seed: if given, every `build` makes the same map.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "width": Whole(1),
        "height": Whole(1),
        "objects": Counts(),
        "agents": AgentCounts(),
        "seed": Whole(0, optional=True),
    }

    width: SampledInt
    height: SampledInt
    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 0
    seed: int | None = None

    def check(self) -> None:
        self.fitted_objects()  # raises if agents and one of each object do not fit

    def fitted_objects(self) -> dict[str, int]:
        """The counts that are placed, after the halving rule."""
        area = self.width * self.height
        num_agents = len(agent_names(self.agents))
        counts = {name: count for name, count in self.objects.items() if count > 0}
        while num_agents + sum(counts.values()) > 2 * area / 3 and any(count > 1 for count in counts.values()):
            counts = {name: max(1, count // 2) for name, count in counts.items()}
        total = num_agents + sum(counts.values())
        if total > area:
            raise ValueError(f"agents: {num_agents} agents and {total - num_agents} objects do not fit in {area} cells")
        return counts

    def kind_labels(self) -> tuple[str, ...]:
        return ("random",)

    def build(self, rng: np.random.Generator) -> GameMap:
        return super().build(rng if self.seed is None else generator(self.seed))

    def draw(self, rng: np.random.Generator) -> Grid:
        names = [name for name, count in self.fitted_objects().items() for _ in range(count)]
        names += agent_names(self.agents)
        names += [EMPTY] * (self.width * self.height - len(names))
        order = permutation(len(names), rng)
        return np.array(names, dtype=np.object_)[order].reshape(self.height, self.width)


@dataclass(frozen=True)
class AsciiRoom(Room):
    """A drawn map, given as `text` or read from the file `uri` once, when the builder is made.

    See `metta_jax.mapgen.ascii` for the symbols. The border is drawn outside.
    """

    text: str = ""
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.uri is not None and not self.text:
            object.__setattr__(self, "text", ascii_map.read_uri(self.uri))
        super().__post_init__()
        ascii_map.from_text(self.text)  # raises on a text that is not a map

    def kind_labels(self) -> tuple[str, ...]:
        return ("Ascii",)  # as the scene; the original's drawn maps are scenes

    def draw(self, rng: np.random.Generator) -> Grid:
        del rng
        return ascii_map.from_text(self.text)


@dataclass(frozen=True)
class FixedMap(Parameters):
    """One map, given as rows of object names."""

    rows: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.rows, str):
            raise ValueError(
                f"map: {self.rows!r} is text; FixedMap takes rows of names, read_map(path) or from_text(text)"
            )
        # Not those of the base: a row of names is no distribution.
        rows = tuple(tuple(row) for row in self.rows)
        if not rows or not rows[0]:
            raise ValueError("map: there are no cells")
        for number, row in enumerate(rows, start=1):
            if len(row) != len(rows[0]):
                raise ValueError(f"map: line {number} has {len(row)} cells, but line 1 has {len(rows[0])}")
        object.__setattr__(self, "rows", rows)

    def build(self, rng: np.random.Generator) -> GameMap:
        """The map; nothing is random."""
        del rng
        return GameMap(as_grid(self.rows), self.labels)
