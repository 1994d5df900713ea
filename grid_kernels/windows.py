"""Which cells an agent sees, and in which order."""

from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """What of an observation is the same for all agents; host constants."""

    offsets: np.ndarray  # int32 [W - 1]: from an agent's cell to the cells of its window in the padded map, in order
    locations: np.ndarray  # uint8 [W - 1]: the location bytes of these; the first one also serves the heads
    num_tokens: int  # M


def window_offsets(height: int, width: int) -> np.ndarray:
    """Offsets (row, column) from the agent to the cells of its window, nearest first.

    By Manhattan distance, then by row, then left before right: the order in which tokens are listed.

    Returns:
      int32 [height * width, 2].
    """
    rows, columns = height // 2, width // 2
    offsets = [
        (row, column)
        for distance in range(rows + columns + 1)
        for row in range(-distance, distance + 1)
        for column in sorted({abs(row) - distance, distance - abs(row)})
        if abs(row) <= rows and abs(column) <= columns
    ]
    return np.asarray(offsets, np.int32)


def window_locations(height: int, width: int) -> np.ndarray:
    """uint8 [height * width]: the location byte (row << 4 | column) of each cell of `window_offsets`."""
    offsets = window_offsets(height, width)
    return ((offsets[:, 0] + height // 2) << 4 | (offsets[:, 1] + width // 2)).astype(np.uint8)
