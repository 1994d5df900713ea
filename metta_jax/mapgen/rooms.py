"""Rooms: map builders without scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from metta_jax.config import FrozenDict
from metta_jax.mapgen import ascii as ascii_map
from metta_jax.mapgen.game_map import (
    EMPTY,
    WALL,
    Agents,
    GameMap,
    agent_names,
    as_grid,
    check_counts,
    check_size,
    size_label,
    with_border,
)


@dataclass(frozen=True)
class RandomRoom:
    """`width` x `height` cells with agents and objects scattered over all of them.

    If objects and agents would fill more than two thirds of the room, the object counts are halved, each staying at
    least 1, until they do not. The number of agents never changes. The border is drawn outside.

    Attributes:
      width, height: cells inside the border.
      objects: object name -> count.
      agents: number of agents of group `agent`, or numbers by group.
      border_width, border_object: frame around the room.
      seed: if given, every `build` makes the same map.
      labels: strings for statistics; the size label is appended.
    """

    width: int
    height: int
    objects: Mapping[str, int] = field(default_factory=dict)
    agents: Agents = 0
    border_width: int = 0
    border_object: str = WALL
    seed: int | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_size(self.width, self.height, self.border_width)
        check_counts("objects", self.objects)
        check_counts("agents", self.agents)
        _freeze(self, "objects", "agents")
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

    def build(self, rng: np.random.Generator) -> GameMap:
        """Draws a map."""
        if self.seed is not None:
            rng = np.random.default_rng(self.seed)
        names = [name for name, count in self.fitted_objects().items() for _ in range(count)]
        names += agent_names(self.agents)
        names += [EMPTY] * (self.width * self.height - len(names))
        order = rng.permutation(len(names))
        grid = np.array(names, dtype=np.object_)[order].reshape(self.height, self.width)
        labels = (*self.labels, size_label(self.width * self.height))
        return GameMap(with_border(grid, self.border_width, self.border_object), labels)


@dataclass(frozen=True)
class AsciiRoom:
    """A drawn map; see `metta_jax.mapgen.ascii` for the symbols. The border is drawn outside."""

    text: str
    border_width: int = 0
    border_object: str = WALL
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_size(1, 1, self.border_width)
        ascii_map.from_text(self.text)  # raises on a text that is no map

    def build(self, rng: np.random.Generator) -> GameMap:
        """The map; nothing is random."""
        del rng
        grid = ascii_map.from_text(self.text)
        return GameMap(with_border(grid, self.border_width, self.border_object), (*self.labels, size_label(grid.size)))


@dataclass(frozen=True)
class FixedMap:
    """One map, given as rows of object names."""

    rows: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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


def _freeze(instance: object, *names: str) -> None:
    """Makes mappings hashable, so that builders can be parts of frozen configurations."""
    for name in names:
        value = getattr(instance, name)
        if isinstance(value, Mapping):
            object.__setattr__(instance, name, FrozenDict(value))
