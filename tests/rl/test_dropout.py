"""Dropout in training: masks follow from the minibatch's key, and acting is without them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.rl import TrainingComponents, unroll_policy
from tests.agent.facts import small_config
from tests.rl.test_real_agent import WindowProbe
from tests.rl.training import assert_fused_equals_written_out, config

P = 0.5
DROPPING = small_config(
    drop={"type": "Dropout", "sources": [{"name": "critic_1"}], "p": P},
    _value_={"type": "Linear", "sources": [{"name": "drop"}], "out_features": 1, "nonlinearity": None},
)


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    env = WindowProbe(game="memory", num_envs=8, staggered=True)
    return TrainingComponents.create(env, Agent(env, DROPPING), config(batch_size=256, minibatch_size=64))


def test_the_unrolled_policy_drops(training: TrainingComponents) -> None:
    """Numbers kept are scaled by 1 / (1 - p), so the mean over masks is the value without them: the layer is linear."""
    state, batch = training.rollout(training.init(jax.random.key(0)))
    minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
    other = training.sample_minibatch(jax.random.key(2), batch, training.compute_advantages(batch), 0.6)
    assert minibatch.dropout_key is not None
    assert other.dropout_key != minibatch.dropout_key
    plan, params = training.plan, state.params
    values = jax.jit(lambda key: unroll_policy(plan, params, minibatch.replace(dropout_key=key)).value)
    plain = jax.jit(lambda: unroll_policy(plan, params, minibatch.replace(dropout_key=None)).value)()
    np.testing.assert_allclose(plain, minibatch.values, atol=1e-5)  # acting is without masks
    drawn = np.stack([values(key) for key in jax.random.split(jax.random.key(3), 400)])
    spread = drawn.std(axis=0)
    assert spread.min() > 0
    # 400 masks: 256 slots of 8 rows, the largest of some 512 deviations is about 3.5 standard errors.
    assert (np.abs(drawn.mean(axis=0) - plain) / (spread / 20)).max() < 5
    _, loss = training.train_minibatch(state, minibatch)
    np.testing.assert_allclose(loss.values, values(minibatch.dropout_key), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_fused_step_equals_the_written_out_loop(training: TrainingComponents) -> None:
    assert_fused_equals_written_out(training)


def test_other_networks_have_no_key() -> None:
    env = WindowProbe(num_envs=8)
    off = {name: DROPPING["components"][name] for name in ("drop", "_value_")}
    off["drop"] = {**off["drop"], "p": 0.0}
    for network in (small_config(), small_config(**off)):
        agent = Agent(env, network)
        assert not agent.uses_dropout
        plain = TrainingComponents.create(env, agent, config(batch_size=128, minibatch_size=64))
        _, batch = plain.rollout(plain.init(jax.random.key(0)))
        assert plain.sample_minibatch(jax.random.key(1), batch, jnp.zeros_like(batch.value), 0.6).dropout_key is None
