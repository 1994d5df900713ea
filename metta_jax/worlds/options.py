"""What may be changed about a named world, and the numbers that it draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from metta_jax.worlds.base_rules import ItemSet


@dataclass(frozen=True)
class WorldOptions:
    """Overrides; None keeps what the world has.

    Attributes:
      num_agents: agents on the whole map.
      width, height: of one room, without borders.
      items: which items exist.
      num_rooms: how many equal rooms there are, in worlds of several.
      objects: object name -> how many are scattered over one room, for those that the world scatters.
      sampling: in 0..1: how far sampled numbers may move from their centres.
      rng: what they are drawn from; None: they are their centres.
    """

    num_agents: int | None = None
    width: int | None = None
    height: int | None = None
    items: ItemSet | None = None
    num_rooms: int | None = None
    objects: Mapping[str, int] = field(default_factory=dict)
    sampling: float = 0.0
    rng: np.random.Generator | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("num_agents", "width", "height", "num_rooms"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} is not at least 1")
        for name, count in self.objects.items():
            if count < 0:
                raise ValueError(f"objects.{name}: {count} is negative")
        if not 0 <= self.sampling <= 1:
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

    def counts(self, defaults: Mapping[str, int]) -> dict[str, int]:
        """Object name -> count; a ValueError if `objects` names one that the world does not scatter."""
        for name in self.objects:
            if name not in defaults:
                raise ValueError(f"objects.{name}: this world scatters only {', '.join(defaults)}")
        return {**defaults, **self.objects}

    def sampled(self, centre: int, low: int, high: int) -> int:
        """A whole number `centre~[low,high]`: uniform in a range that `sampling` widens, then rounded."""
        return round(self.sampled_float(centre, low, high))

    def sampled_float(self, centre: float, low: float, high: float) -> float:
        """The same, not rounded."""
        if self.rng is None:
            return centre
        share = self.sampling
        return float(self.rng.uniform(centre - share * (centre - low), centre + share * (high - centre)))

    def chance(self, probability: float) -> bool:
        """Whether something that happens with this probability happens; without `rng`: if it is likely."""
        return probability > 0.5 if self.rng is None else bool(self.rng.random() < probability)

    def given(self) -> dict[str, object]:
        """The overrides that are not left at their defaults."""
        names = ("num_agents", "width", "height", "items", "num_rooms", "objects")
        return {name: getattr(self, name) for name in names if getattr(self, name) not in (None, {})}
