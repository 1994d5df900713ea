"""The base of rooms: map builders without scenes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from metta_jax.mapgen.game_map import WALL, GameMap, Grid, size_label, with_border
from metta_jax.mapgen.parameters import Parameters, Rule, Whole, resolved
from metta_jax.mapgen.sampled import SampledInt


@dataclass(frozen=True)
class Room(Parameters):
    """What all rooms have; a room overrides `draw`.

    Attributes:
      border_width, border_object: frame that is drawn around the room: the map is larger by twice the width.
      labels: words for statistics; what kind of room it is, and the size label, are appended.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"border_width": Whole(0)}

    border_width: SampledInt = field(default=0, kw_only=True)
    border_object: str = field(default=WALL, kw_only=True)
    labels: tuple[str, ...] = field(default=(), kw_only=True)

    def build(self, rng: np.random.Generator) -> GameMap:
        """Draw a map. Sampled parameters are drawn first."""
        room = resolved(self, rng)
        inner = room.draw_labeled(rng)
        labels = (*room.labels, *room.kind_labels(), *inner.labels, size_label(inner.grid.size))
        return GameMap(with_border(inner.grid, room.border_width, room.border_object), labels)

    def kind_labels(self) -> tuple[str, ...]:
        """What kind of room it is, as a label: the name of its class in small letters, if a room does not say more."""
        return (re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower(),)

    def draw(self, rng: np.random.Generator) -> Grid:
        """The inner map."""
        raise NotImplementedError

    def draw_labeled(self, rng: np.random.Generator) -> GameMap:
        """The inner map, and labels in addition to the room's own and the size label."""
        return GameMap(self.draw(rng))
