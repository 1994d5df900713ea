"""What may be changed about a named world, and the numbers that it draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metta_jax.mapgen import Around, around
from metta_jax.worlds.base_rules import ItemSet

OVERRIDES = ("num_agents", "width", "height", "items", "num_rooms", "objects")
"""The fields of `WorldOptions` that change a world, as against those that draw its numbers."""


@dataclass(frozen=True)
class WorldOptions:
    """Overrides; None keeps what the world has.

    Attributes:
      num_agents: agents on the whole map.
      width, height: of one room, without borders.
      items: which items exist.
      num_rooms: how many equal rooms there are, in worlds of several.
      objects: object name -> how many are scattered over one room, for those that the world scatters.
      sampling: in 0..1: how far sampled numbers may move from their centers; None: what the world has.
      rng: what those of the rules are drawn from; None: they are their centers.
    """

    num_agents: int | None = None
    width: int | None = None
    height: int | None = None
    items: ItemSet | None = None
    num_rooms: int | None = None
    objects: Mapping[str, int] = field(default_factory=dict)
    sampling: float | None = None
    rng: np.random.Generator | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("num_agents", "width", "height", "num_rooms"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} is not at least 1")
        for name, count in self.objects.items():
            if count < 0:
                raise ValueError(f"objects.{name}: {count} is negative")
        if self.sampling is not None and not 0 <= self.sampling <= 1:
            raise ValueError(f"sampling: {self.sampling} is not in 0..1")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The room's width and height."""
        return self.width or width, self.height or height

    def rooms(self, default: int) -> int:
        """The number of equal rooms."""
        return self.num_rooms or default

    def agents_per_room(self, default: int, num_rooms: int) -> int:
        """Agents in each of several equal rooms; a ValueError if they cannot be shared out evenly."""
        if self.num_agents is None:
            return default
        if self.num_agents % num_rooms:
            raise ValueError(
                f"num_agents: {self.num_agents} is not a multiple of {num_rooms}, the number of rooms of this world"
            )
        return self.num_agents // num_rooms

    def counts(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Object name -> count; a ValueError if `objects` names one that the world does not scatter."""
        for name in self.objects:
            if name not in defaults:
                raise ValueError(f"objects.{name}: this world scatters only {', '.join(defaults)}")
        return {**defaults, **self.objects}

    def around(self, centre: float, low: float, high: float) -> Any:
        """`centre~[low,high]` for a map builder: redrawn for each map, as far as `sampling` allows."""
        return around(centre, low, high, self.sampling or 0.0)

    def drawn(self, centre: float, low: float, high: float) -> Any:
        """`centre~[low,high]` for the rules: a number, drawn from `rng`; an integer if the centre is one."""
        return centre if self.rng is None else Around(centre, low, high, self.sampling or 0.0).draw(self.rng)

    def chance(self, probability: float) -> bool:
        """Whether something happens that does so with this probability; where nothing is sampled it never does."""
        return self.rng is not None and bool(self.sampling) and float(self.rng.random()) < probability

    def given(self) -> dict[str, object]:
        """The overrides that are not left at their defaults."""
        return {name: getattr(self, name) for name in OVERRIDES if getattr(self, name) not in (None, {})}
