"""The promises of the small agent hold for a real network: matrix products of other shapes, convolutions, an LSTM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.rl import TrainingComponents, TrainState
from tests.rl.probes import ProbeEnv
from tests.rl.training import assert_same, config, manual_rollout, manual_update


@dataclass(frozen=True, eq=False)
class WindowProbe(ProbeEnv):
    """A ProbeEnv that says that its tokens are those of an 11x11 window."""

    obs_width: int = 11
    obs_height: int = 11

    def get_observation_features(self) -> dict[str, dict[str, Any]]:
        return {f"feature:{index}": {"id": index, "normalization": 10.0} for index in range(24)}


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    env = WindowProbe(game="memory", num_envs=8, staggered=True)
    settings = config(batch_size=256, minibatch_size=128, prioritized_experience_replay={"prio_alpha": 0.5})
    return TrainingComponents.create(env, Agent(env, "fast"), settings)


@pytest.fixture(scope="module")
def trained(training: TrainingComponents) -> TrainState:
    return training.train_step(training.init(jax.random.key(0)))[0]


@pytest.mark.slow
def test_fused_step_equals_the_written_out_loop(training: TrainingComponents, trained: TrainState) -> None:
    written_out = training.init(jax.random.key(0))
    written_out, _ = manual_update(training, manual_rollout(training, written_out))
    assert_same(trained, written_out)


@pytest.mark.slow
def test_first_ratio_is_one(training: TrainingComponents, trained: TrainState) -> None:
    state, batch = training.rollout(trained)
    minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
    _, loss = training.train_minibatch(state, minibatch)
    assert float(jnp.abs(loss.ratio - 1.0).max()) < 1e-4
    np.testing.assert_allclose(np.asarray(loss.values), np.asarray(minibatch.values), atol=1e-4)
