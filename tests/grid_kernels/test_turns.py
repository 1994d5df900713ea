"""Sort keys put agents in an order, and pending agents act in it, one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels.turns import keys_of_order, one_by_one, random_keys


@pytest.mark.parametrize("num_agents", [1, 2, 3, 24, 256])
def test_random_keys_are_unique(num_agents):
    keys = random_keys(jnp.zeros((3, num_agents), jnp.uint32))
    assert all(len(set(row)) == num_agents for row in keys.tolist())


def test_random_orders_are_uniform():
    bits = jax.random.bits(jax.random.key(0), (6000, 3), jnp.uint32)
    orders, counts = np.unique(np.argsort(random_keys(bits), axis=1), axis=0, return_counts=True)
    assert len(orders) == 6
    # Six cells of 1,000 each; the 0.999 quantile of chi squared with five degrees of freedom is 20.5.
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5


def test_keys_of_order_sort_into_that_order():
    order = jnp.asarray([[2, 0, 3, 1], [0, 1, 2, 3]], jnp.int32)
    assert np.argsort(keys_of_order(order), axis=1).tolist() == order.tolist()


def test_one_by_one_visits_the_pending_in_order():
    pending = jnp.asarray([[True, False, True, True], [False, True, False, False]])
    keys = keys_of_order(jnp.asarray([[3, 1, 0, 2], [0, 1, 2, 3]], jnp.int32))

    def visit(agent, acts, carry):
        count, visited = carry
        column = jnp.arange(visited.shape[1], dtype=jnp.int32)[None] == count
        return count + 1, jnp.where(column & acts[:, None], agent[:, None], visited)

    count, visited = one_by_one(pending, keys, visit, (jnp.int32(0), jnp.full((2, 4), -1, jnp.int32)))
    assert int(count) == 3
    assert visited.tolist() == [[3, 0, 2, -1], [1, -1, -1, -1]]
