"""Sort keys put agents in an order, and pending agents act in rounds as if one acted after another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels.turns import deliver, in_rounds, keys_of_order, own, random_keys, received, write_own, write_to


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


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("num_agents", [1, 2, 7, 24])
def test_rounds_are_as_one_after_another(wide: bool, num_agents: int) -> None:
    """Every agent takes what a shared place holds, times 3, and adds its number: the order shows in every result."""
    batch, num_places = 40, 5
    rng = np.random.default_rng(num_agents)
    place = rng.integers(0, num_places, (batch, num_agents)).astype(np.int32)
    pending = rng.random((batch, num_agents)) < 0.7
    order = np.stack([rng.permutation(num_agents) for _ in range(batch)]).astype(np.int32)

    held = rng.integers(0, 9, (batch, num_places)).astype(np.uint32)
    expected, taken = held.copy(), np.zeros((batch, num_agents), np.uint32)
    for env in range(batch):
        for agent in order[env]:
            if pending[env, agent]:
                at = place[env, agent]
                taken[env, agent] = expected[env, at]
                expected[env, at] = expected[env, at] * 3 + agent

    agents = jnp.broadcast_to(jnp.arange(num_agents, dtype=jnp.uint32)[None], place.shape)

    def act(turn, carry):
        rounds, held, taken = carry
        agent, at = own(turn, (agents, jnp.asarray(place)))
        found = jnp.take_along_axis(held, at, axis=1)
        places = jnp.arange(num_places, dtype=jnp.int32)[None, :, None]
        sent = deliver(turn.acts[:, None] & (places == at[:, None]))
        arrived = received(sent, jnp.ones_like(found))
        assert arrived.shape == held.shape
        return rounds + 1, write_to(sent, held, found * 3 + agent), write_own(turn, taken, found)

    carry = (jnp.int32(0), jnp.asarray(held), jnp.zeros((batch, num_agents), jnp.uint32))
    rounds, held, taken_here = in_rounds(
        jnp.asarray(pending), keys_of_order(jnp.asarray(order)), place[..., None], act, carry, wide=wide
    )
    np.testing.assert_array_equal(held, expected)
    np.testing.assert_array_equal(taken_here, taken)
    at_a_place = max(np.bincount(place[env][pending[env]], minlength=1).max() for env in range(batch))
    assert int(rounds) == (at_a_place if wide else pending.sum(axis=1).max())


def test_what_arrives_nowhere_is_zero() -> None:
    meets = jnp.asarray([[[False, False], [False, True], [False, False]]])
    assert received(deliver(meets), jnp.asarray([[5, 7]])).tolist() == [[0, 7, 0]]
    assert received(deliver(meets[..., 1:]), jnp.asarray([[7]])).tolist() == [[0, 7, 0]]
