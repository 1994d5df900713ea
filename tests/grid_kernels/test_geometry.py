"""Cells ahead and to the side, clamped to the map."""

import jax.numpy as jnp
import pytest

from grid_kernels.geometry import relative


def at(row, column, facing, forward, lateral):
    args = [jnp.asarray(x, jnp.int32) for x in (row, column, facing, forward, lateral, 9, 7)]
    return tuple(int(x) for x in relative(*args))


@pytest.mark.parametrize(
    ("facing", "ahead", "right"), [(0, (3, 4), (4, 5)), (1, (5, 4), (4, 3)), (2, (4, 3), (3, 4)), (3, (4, 5), (5, 4))]
)
def test_ahead_and_right(facing, ahead, right):
    assert at(4, 4, facing, 1, 0) == ahead
    assert at(4, 4, facing, 0, 1) == right


def test_clamped_at_every_edge():
    assert at(0, 3, 0, 3, 0) == (0, 3)
    assert at(8, 3, 1, 3, 0) == (8, 3)
    assert at(4, 0, 2, 3, 0) == (4, 0)
    assert at(4, 6, 3, 3, 0) == (4, 6)
