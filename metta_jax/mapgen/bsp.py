"""Binary space partition: a rectangle cut in two again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Zone:
    """A rectangle of cells, and the two that it was cut into, if it was."""

    x: int
    y: int
    width: int
    height: int
    parts: tuple[Zone, Zone] | None = None

    def leaves(self) -> list[Zone]:
        """The rectangles that were not cut."""
        return [self] if self.parts is None else self.parts[0].leaves() + self.parts[1].leaves()


def partition(width: int, height: int, num_leaves: int, least: int, rng: np.random.Generator) -> Zone:
    """Cut a rectangle until there are `num_leaves`, each with sides of at least `least` cells.

    The largest one that can be is cut next: across a side that is more than twice the other one, else in a random
    direction, between one and two thirds.

    Raises:
      ValueError: no more cuts are possible.
    """
    root = Zone(0, 0, width, height)
    leaves = [root]
    while len(leaves) < num_leaves:
        for leaf in sorted(leaves, key=lambda zone: -zone.width * zone.height):
            leaf.parts = _cut(leaf, least, rng)
            if leaf.parts:
                index = leaves.index(leaf)
                leaves[index : index + 1] = leaf.parts
                break
        else:
            raise ValueError(f"{num_leaves} zones with sides of at least {least} do not fit in {width}x{height}")
    return root


def _cut(zone: Zone, least: int, rng: np.random.Generator) -> tuple[Zone, Zone] | None:
    by_column = bool(rng.integers(2))
    if zone.width > 2 * zone.height:
        by_column = True
    elif zone.height > 2 * zone.width:
        by_column = False
    for attempt in (by_column, not by_column):
        side = zone.width if attempt else zone.height
        low, high = max(least, math.ceil(side / 3)), min(side - least, 2 * side // 3)
        if low > high:
            continue
        at = int(rng.integers(low, high + 1))
        if attempt:
            return (
                Zone(zone.x, zone.y, at, zone.height),
                Zone(zone.x + at, zone.y, zone.width - at, zone.height),
            )
        return (
            Zone(zone.x, zone.y, zone.width, at),
            Zone(zone.x, zone.y + at, zone.width, zone.height - at),
        )
    return None
