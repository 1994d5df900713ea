from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from metta_jax.mettagrid.original_order import iterate_original_orders, original_orders


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, [[2, 1, 0], [2, 1, 0], [0, 2, 1]]),
        (0, [[0, 2, 1, 3], [0, 1, 3, 2], [0, 1, 3, 2]]),
        (42, [[4, 0, 2, 3, 1], [3, 1, 2, 4, 0], [4, 2, 1, 3, 0]]),
        (1, [[1, 0, 2, 5, 3, 4], [4, 1, 0, 5, 3, 2]]),
    ],
)
def test_first_orders_are_the_originals(seed: int, expected: list[list[int]]):
    orders = original_orders(seed, num_agents=len(expected[0]), num_steps=len(expected))

    assert orders.dtype == np.int32
    np.testing.assert_array_equal(orders, expected)


@pytest.mark.parametrize("num_agents", [1, 2, 7, 256])
def test_every_order_is_a_permutation(num_agents: int):
    orders = original_orders(2**32 - 1, num_agents, num_steps=50)

    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(num_agents), (50, 1)))


def test_the_iterator_goes_on_where_the_array_ends():
    taken = list(islice(iterate_original_orders(5, 6), 40))

    np.testing.assert_array_equal(np.stack(taken), original_orders(5, 6, 40))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 3, 1), "seed: -1 is not in 0..4294967295"),
        ((2**32, 3, 1), "seed: 4294967296 is not in"),
        ((0, 0, 1), "num_agents: 0 is not in 1..256"),
        ((0, 257, 1), "num_agents: 257 is not in 1..256"),
        ((0, 3, -1), "num_steps: -1 is negative"),
    ],
)
def test_arguments_are_checked(arguments: tuple[int, int, int], message: str):
    with pytest.raises(ValueError, match=message):
        original_orders(*arguments)
