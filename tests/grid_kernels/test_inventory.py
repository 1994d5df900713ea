"""Entries, costs, and the three rules for resource rewards, on worked numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels.inventory import Purse, Weights, amounts, can_afford, settle

ORE, HEART = 0, 1


def test_looking_up_stops_at_the_first_short_item():
    inventory = jnp.asarray([[2, -1, -1]], jnp.int32)
    affordable, looked_up = can_afford(inventory, jnp.asarray([[1, 1, 1]], jnp.int32))
    assert not bool(affordable[0])
    assert looked_up.tolist() == [[2, 0, -1]]


def test_what_is_not_required_is_not_looked_up():
    inventory = jnp.asarray([[3, -1, 0]], jnp.int32)
    affordable, looked_up = can_afford(inventory, jnp.asarray([[3, -1, 0]], jnp.int32))
    assert bool(affordable[0])
    assert looked_up.tolist() == [[3, -1, 0]]


def rewards_of(rule, maximum, steps):
    """The reward of each transaction (item, change) of an agent with rewards 0.1 for ore and 1 for hearts."""
    weights = Weights(
        jnp.asarray([0.1, 1.0], jnp.float32), jnp.asarray([True, True]), jnp.asarray([maximum, np.inf], jnp.float32)
    )
    held, purse, rewards = jnp.zeros((2,), jnp.int32), Purse(jnp.float32(0), jnp.float32(0)), []
    for item, change in steps:
        touched = jnp.arange(2, dtype=jnp.int32) == item
        change = jnp.where(touched, change, 0)
        held = held + change
        purse = settle(purse._replace(reward=jnp.float32(0)), weights, change, amounts(held), touched, rule)
        rewards.append(float(purse.reward))
    return rewards


def test_running_total_caps_the_sum():
    ore_first = rewards_of("running_total", 1.0, [(ORE, 3), (HEART, 5), (ORE, -3)])
    np.testing.assert_allclose(ore_first, [0.3, 5.0, -4.3], atol=1e-6)
    np.testing.assert_allclose(rewards_of("running_total", 1.0, [(HEART, 5), (ORE, 3)]), [5.0, -4.0], atol=1e-6)
    np.testing.assert_allclose(rewards_of("running_total", 1.0, [(HEART, 5), (ORE, 0)]), [5.0, -4.0], atol=1e-6)


def test_per_item_caps_the_count_of_the_item():
    steps = [(ORE, 3), (HEART, 5), (ORE, -3)]
    np.testing.assert_allclose(rewards_of("per_item", 1.0, steps), [0.1, 5.0, -0.1], atol=1e-6)
    np.testing.assert_allclose(rewards_of("per_item", 10.0, steps), [0.3, 5.0, -0.3], atol=1e-6)


def test_per_item_reward_caps_the_reward_of_the_item():
    steps = [(ORE, 3), (HEART, 5), (ORE, -2), (ORE, -1)]
    np.testing.assert_allclose(rewards_of("per_item_reward", 0.15, steps), [0.15, 5.0, -0.05, -0.1], atol=1e-6)
    np.testing.assert_allclose(rewards_of("per_item_reward", 1.0, steps), [0.3, 5.0, -0.2, -0.1], atol=1e-6)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="rule: 'total' is not one of per_item, per_item_reward, running_total"):
        rewards_of("total", 1.0, [(ORE, 1)])
