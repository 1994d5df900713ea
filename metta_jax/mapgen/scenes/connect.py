"""MakeConnected: no part of a map that cannot be reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.game_map import EMPTY, WALL, Grid
from metta_jax.mapgen.regions import NEIGHBORS, components, distances
from metta_jax.mapgen.scene import Area, Scene


@dataclass(frozen=True)
class MakeConnected(Scene):
    """Make all empty cells reachable from each other.

    The largest component of empty cells (4 neighbors) stays; from a nearest cell of each other component a random
    shortest tunnel is dug to it. Agents and objects are not empty, and no tunnel is dug through them: draw this before
    them. A pocket that only objects close is filled with wall.
    """

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        empty = area.grid == EMPTY
        parts = components(empty)
        if len(parts) < 2:
            return []
        largest = max(range(len(parts)), key=lambda index: int(parts[index].sum()))
        distance = distances(parts[largest], empty | (area.grid == WALL))
        for index, part in enumerate(parts):
            if index == largest:
                continue
            if distance[part].max() < 0:
                area.grid[part] = WALL
            else:
                _dig(area.grid, part, distance, rng)
        return []


def _dig(grid: Grid, part: NDArray[np.bool_], distance: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Dig from a nearest cell of `part` down the distances to 0."""
    nearest = np.argwhere(part & (distance == distance[part].min()))
    row, column = nearest[rng.integers(len(nearest))]
    while distance[row, column] > 0:
        grid[row, column] = EMPTY
        closer = [
            (row + down, column + right)
            for down, right in NEIGHBORS
            if 0 <= row + down < grid.shape[0]
            and 0 <= column + right < grid.shape[1]
            and distance[row + down, column + right] == distance[row, column] - 1
        ]
        row, column = closer[rng.integers(len(closer))]
