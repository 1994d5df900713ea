"""Connected parts of a map, by a queue: written another way than the code under test."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np

from metta_jax.mapgen import GameMap, MapBuilder, build_maps


def num_components(mask) -> int:
    """Connected parts (4 neighbors) of a bool [height, width] mask, written another way than the code under test."""
    rest = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    count = 0
    while rest:
        count += 1
        queue = deque([rest.pop()])
        while queue:
            row, column = queue.popleft()
            for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if cell in rest:
                    rest.remove(cell)
                    queue.append(cell)
    return count


def is_connected(grid) -> bool:
    """Whether all cells that are not wall can be reached from each other, if one may pass through objects."""
    return num_components(grid != "wall") == 1


def one_map(builder: MapBuilder, seed: int = 0) -> GameMap:
    return build_maps(builder, seed=seed, num_maps=1)[0]


def counts(grid) -> Counter[str]:
    """Object name -> number, without empty cells and walls."""
    found = Counter(grid.ravel().tolist())
    del found["empty"], found["wall"]
    return found
