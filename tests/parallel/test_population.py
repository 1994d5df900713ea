"""A population is its members, each on its own: with their bits if they take turns, up to rounding if together."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.parallel import (
    inherit,
    init_population,
    member,
    population_step,
    shard_population,
    stack_hyperparameters,
)
from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.worlds.environment import Environment
from tests.parallel.runs import assert_close, assert_equal, decided, make_training
from tests.programs import num_compiled


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
        assert_equal(member(states, i), state)
        assert_equal(jax.tree.map(lambda x: x[i], metrics), expected)  # noqa: B023 - used at once
    with pytest.raises(ValueError, match="population: 3 runs cannot be divided among 2 devices"):
        shard_population(init_population(training, keys[:3]))


def test_members_with_numbers_of_their_own(training: TrainingComponents) -> None:
    plan = training.plan
    numbers = [(0.01, 0.9), (0.001, 0.95), (0.03, 0.99), (0.003, 0.5)]
    runs = [
        TrainingComponents.create(plan.env, plan.agent, _changed(training.config, learning_rate, gamma))
        for learning_rate, gamma in numbers
    ]
    keys = jax.random.split(jax.random.key(0), 4)
    states = init_population(training, keys)
    step = population_step(training, [run.hyperparameters for run in runs])
    for _ in range(2):
        states, metrics = step(states)
    np.testing.assert_allclose(metrics["parameters/learning_rate"], [rate for rate, _ in numbers], rtol=1e-6)
    for i, run in enumerate(runs):
        state = run.init(keys[i])
        for _ in range(2):
            state, expected = run.train_step(state)
        assert_equal(member(states, i), state)
        assert_equal(jax.tree.map(lambda x: x[i], metrics), expected)  # noqa: B023 - used at once


def test_numbers_can_change_between_updates(training: TrainingComponents) -> None:
    states = init_population(training, jax.random.split(jax.random.key(0), 2))
    numbers = stack_hyperparameters([training.hyperparameters] * 2)
    step = population_step(training, numbers)
    for rates in ([0.01, 0.02], [0.03, 0.0]):
        states, metrics = step(states, numbers.replace(learning_rate=jnp.asarray(rates, jnp.float32)))
        np.testing.assert_allclose(metrics["parameters/learning_rate"], rates)


def test_shapes_alone(training: TrainingComponents) -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    _, metrics = jax.eval_shape(lambda: population_step(training)(init_population(training, keys)))
    assert metrics["losses/entropy"].shape == (3,)


def test_the_losers_go_on_with_what_the_winners_learned(training: TrainingComponents) -> None:
    states = init_population(training, jax.random.split(jax.random.key(0), 3))
    chosen = inherit(states, [2, 1, 2])
    for i, source in enumerate((2, 1, 2)):
        assert_equal(member(chosen, i).params, member(states, source).params)
        assert_equal(member(chosen, i).opt_state, member(states, source).opt_state)
        assert_equal(member(chosen, i).env_state, member(states, i).env_state)
        assert_equal(member(chosen, i).key, member(states, i).key)
    for wrong in ([0, 1], [0, 1, 3], [-1, 0, 1]):
        with pytest.raises(ValueError, match=r"sources: .* is not 3 numbers in 0\.\.2, one for each member"):
            inherit(states, wrong)


def test_members_that_differ_in_more_than_numbers_are_refused(training: TrainingComponents) -> None:
    numbers = training.hyperparameters
    with pytest.raises(ValueError, match=r"hyperparameters: members differ in more than numbers \(target_kl\)"):
        population_step(training, [numbers, numbers.replace(target_kl=jnp.float32(0.1))])


def _changed(settings: TrainerConfig, learning_rate: float, gamma: float) -> TrainerConfig:
    optimizer, ppo = settings.optimizer.replace(learning_rate=learning_rate), settings.ppo.replace(gamma=gamma)
    return settings.replace(optimizer=optimizer, ppo=ppo)


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
    assert num_compiled(sweep) == 1


@pytest.mark.slow
def test_together_plays_the_same_games(forage: TrainingComponents) -> None:
    """Environments of all members in one batch: their integers are equal, as long as they act alike."""
    keys = jax.random.split(jax.random.key(0), 3)
    states = init_population(forage, keys)
    step = population_step(forage, together=True)
    states, metrics = step(states)
    for i in range(3):
        state, expected = forage.train_step(forage.init(keys[i]))
        assert_equal(member(states, i).env_state, state.env_state)
        assert_equal(member(states, i).experience.action, state.experience.action)
        assert_close(decided(member(states, i).params), decided(state.params))
        np.testing.assert_array_equal(metrics["episode/count"][i], expected["episode/count"])
    assert int(metrics["episode/count"].sum()) > 0  # some episodes ended, and others began


@pytest.fixture(scope="module")
def forage() -> TrainingComponents:
    env = Environment("forage", num_envs=2, num_maps=2, is_training=True)
    sizes = {"batch_size": 2 * env.num_agents * 128, "minibatch_size": 512, "bptt_horizon": 16}
    return TrainingComponents.create(env, Agent(env, "fast"), TrainerConfig(**sizes))


def test_together_needs_an_environment_of_ours(training: TrainingComponents) -> None:
    with pytest.raises(ValueError, match="together: needs an Environment without a curriculum"):
        population_step(training, together=True)
