"""Windows are listed nearest first, row by row, left before right."""

import numpy as np
import pytest

from grid_kernels.windows import window_locations, window_offsets


def test_order_of_a_small_window():
    cross, corners = [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0]], [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert window_offsets(3, 3).tolist() == cross + corners


@pytest.mark.parametrize(("height", "width"), [(3, 15), (15, 3), (11, 11), (5, 9)])
def test_every_cell_once_and_by_distance(height, width):
    offsets = window_offsets(height, width)
    assert len({tuple(x) for x in offsets.tolist()}) == height * width == len(offsets)
    assert (np.diff(np.abs(offsets).sum(axis=1)) >= 0).all()
    assert np.abs(offsets).max(axis=0).tolist() == [height // 2, width // 2]


def test_locations_are_row_and_column_in_the_window():
    offsets, locations = window_offsets(5, 7), window_locations(5, 7)
    assert locations.dtype == np.uint8
    assert locations[0] == 2 << 4 | 3
    assert (locations >> 4).tolist() == (offsets[:, 0] + 2).tolist()
    assert (locations & 15).tolist() == (offsets[:, 1] + 3).tolist()
