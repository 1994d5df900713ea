"""Connected regions of a map and distances in it, as masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Steps (rows, columns) to the four neighbors of a cell."""


def components(empty: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The connected components of a bool [height, width] mask, as masks, in scan order of their first cells."""
    rest = empty.copy()
    components = []
    while rest.any():
        start = np.zeros_like(rest)
        start.flat[rest.argmax()] = True
        component = distances(start, empty) >= 0
        components.append(component)
        rest &= ~component
    return components


def distances(sources: NDArray[np.bool_], passable: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Steps from the nearest source to every cell through passable ones, int32 [height, width]; -1 if unreachable."""
    distance = np.where(sources, 0, -1).astype(np.int32)
    frontier = sources
    step = 0
    while frontier.any():
        step += 1
        grown = np.zeros_like(frontier)
        grown[1:] |= frontier[:-1]
        grown[:-1] |= frontier[1:]
        grown[:, 1:] |= frontier[:, :-1]
        grown[:, :-1] |= frontier[:, 1:]
        frontier = grown & passable & (distance < 0)
        distance[frontier] = step
    return distance
