"""What may be changed about a named world."""

from __future__ import annotations

from dataclasses import dataclass

from metta_jax.worlds.base_rules import ItemSet


@dataclass(frozen=True)
class WorldOptions:
    """Overrides; None keeps what the world has.

    Attributes:
      num_agents: agents on the whole map.
      width, height: of one room, without borders.
      items: which items exist.
    """

    num_agents: int | None = None
    width: int | None = None
    height: int | None = None
    items: ItemSet | None = None

    def __post_init__(self) -> None:
        for name in ("num_agents", "width", "height"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} is not at least 1")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The room's width and height."""
        return self.width or width, self.height or height

    def agents_per_room(self, default: int, num_rooms: int) -> int:
        """Agents in each of several equal rooms; a ValueError if they cannot be shared out evenly."""
        if self.num_agents is None:
            return default
        if self.num_agents % num_rooms:
            raise ValueError(
                f"num_agents: {self.num_agents} is not a multiple of {num_rooms}, the number of rooms of this world"
            )
        return self.num_agents // num_rooms

    def refuse_items(self, reason: str) -> None:
        """For worlds whose items are part of their rules: a ValueError if `items` was given."""
        if self.items is not None:
            raise ValueError(f"items: {self.items!r} cannot be chosen: {reason}")
