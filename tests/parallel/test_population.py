"""A population under vmap is its members, each on its own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metta_jax.parallel import init_population, member, population_step, shard_population
from metta_jax.rl import TrainingComponents, TrainState
from tests.parallel.runs import assert_close, make_training


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    return make_training()


def test_every_member_makes_its_own_run(training: TrainingComponents) -> None:
    keys = jax.random.split(jax.random.key(0), 4)
    states = shard_population(init_population(training, keys))
    step = population_step(training)
    for _ in range(2):
        states, metrics = step(states)
    assert states.params["actor"]["bias"].shape == (4, 3)
    assert len(states.observation.sharding.device_set) == 2
    for i in (0, 3):
        state = training.init(keys[i])
        for _ in range(2):
            state, expected = training.train_step(state)
        assert_close(member(states, i), state)
        assert_close(jax.tree.map(lambda x: x[i], metrics), expected)  # noqa: B023 - used at once
    with pytest.raises(ValueError, match="population: 3 runs cannot be divided among 2 devices"):
        shard_population(init_population(training, keys[:3]))


@pytest.mark.slow
def test_learning_rates_as_data(training: TrainingComponents) -> None:
    """A sweep: the loop by hand with the optimizer's own `update`, one learning rate for each member."""

    def step(state: TrainState, learning_rate: jax.Array) -> TrainState:
        state, batch = training.rollout(state)
        advantages = training.compute_advantages(batch)
        for _ in range(training.num_minibatches):
            state, key = training.split_key(state)
            minibatch = training.sample_minibatch(key, batch, advantages, 1.0)
            state, _ = training.train_minibatch(state, minibatch)
            updates, opt_state = training.optimizer.update(
                state.grads.total, state.opt_state, state.params, learning_rate=learning_rate
            )
            grads = jax.tree.map(jnp.zeros_like, state.grads)
            params = optax.apply_updates(state.params, updates)
            state = state.replace(params=params, opt_state=opt_state, grads=grads)
        return state

    rates = jnp.asarray([0.0, 0.001, 0.03], jnp.float32)
    states = jax.vmap(training.init)(jnp.stack([jax.random.key(0)] * 3))
    start = np.asarray(states.params["actor"]["kernel"][0])
    sweep = jax.jit(jax.vmap(step))
    rewards = []
    for _ in range(12):
        states = sweep(states, rates)
        rewards.append(np.asarray(states.experience.reward.mean(axis=(1, 2))))
    np.testing.assert_array_equal(states.params["actor"]["kernel"][0], start)
    assert rewards[-1][2] > max(rewards[-1][0], 0.5)  # chance is 1/3
    assert sweep._cache_size() == 1
