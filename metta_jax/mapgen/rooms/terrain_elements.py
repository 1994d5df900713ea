"""What varied terrain is made of: shapes of wall as masks, and labyrinths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metta_jax.mapgen.regions import NEIGHBORS, distances
from metta_jax.mapgen.spanning import spanning_tree

Mask = NDArray[np.bool_]
"""bool [height, width], True for wall."""

_WIDEST = 0.7  # the largest probability with which a wall of a labyrinth is taken away


def shape(num_cells: int, rng: np.random.Generator) -> Mask:
    """A random connected shape of that many cells; holes in it are filled, so that it encloses nothing."""
    cells = {(0, 0)}
    rim = [*NEIGHBORS]
    while len(cells) < num_cells:
        row, column = rim.pop(int(rng.integers(len(rim))))
        if (row, column) not in cells:
            cells.add((row, column))
            rim += [(row + down, column + right) for down, right in NEIGHBORS]
    places = np.array(sorted(cells))
    places -= places.min(axis=0) - 1
    wall = np.zeros(places.max(axis=0) + 2, bool)
    wall[places[:, 0], places[:, 1]] = True
    corner = np.zeros_like(wall)
    corner[0, 0] = True
    outside = distances(corner, ~wall) >= 0
    return ~outside[1:-1, 1:-1]


def cross(rng: np.random.Generator) -> Mask:
    """Two crossing lines; each of the four arms is 1 to 8 cells long."""
    up, down, left, right = (int(length) for length in rng.integers(1, 9, size=4))
    wall = np.zeros((up + down + 1, left + right + 1), bool)
    wall[up] = True
    wall[:, left] = True
    return wall


def block(rng: np.random.Generator) -> Mask:
    """A rectangle with sides of 2 to 14 cells."""
    height, width = (int(side) for side in rng.integers(2, 15, size=2))
    return np.ones((height, width), bool)


def labyrinth(rng: np.random.Generator) -> Mask:
    """A maze with odd sides of 11 to 25 cells, and an opening of two cells in each side."""
    height, width = (2 * int(half) + 1 for half in rng.integers(5, 13, size=2))
    wall = np.ones((height, width), bool)
    wall[1::2, 1::2] = False
    for (row, column), (other_row, other_column) in spanning_tree(height // 2, width // 2, "dfs", rng):
        wall[row + other_row + 1, column + other_column + 1] = False
    wider = rng.random((height, width)) < _WIDEST * float(rng.random())
    wider[[0, -1]] = wider[:, [0, -1]] = False
    pillars = np.zeros_like(wider)
    pillars[2:-2:2, 2:-2:2] = wider[2:-2:2, 2:-2:2]  # where the corners of four rooms meet
    wall &= ~wider | pillars
    # A pillar whose four walls all stand would become a cell that cannot be reached.
    free = ~wall
    pillars[1:-1, 1:-1] &= free[:-2, 1:-1] | free[2:, 1:-1] | free[1:-1, :-2] | free[1:-1, 2:]
    wall &= ~pillars
    # One of two neighboring cells of the outer wall lies next to a room, which is never wall.
    top, bottom = (int(place) for place in rng.integers(1, width - 2, size=2))
    left, right = (int(place) for place in rng.integers(1, height - 2, size=2))
    wall[0, top : top + 2] = wall[-1, bottom : bottom + 2] = False
    wall[left : left + 2, 0] = wall[right : right + 2, -1] = False
    return wall
