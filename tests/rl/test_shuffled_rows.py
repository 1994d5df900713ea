"""Minibatches that deal out the rows of a rollout: every row once in an epoch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import TrainerConfig
from metta_jax.rl import TrainingComponents
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import assert_fused_equals_written_out, config


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    settings = config(minibatch_rows="shuffled", update_epochs=2, optimizer={"learning_rate": 0.01})
    return TrainingComponents.create(ProbeEnv(staggered=True), ProbeAgent(), settings)


def test_every_row_is_in_one_minibatch(training: TrainingComponents) -> None:
    rows = np.asarray(training.shuffle_rows(jax.random.key(0)))
    assert rows.shape == (training.num_minibatches, training.minibatch_segments) == (4, 4)
    np.testing.assert_array_equal(np.sort(rows.ravel()), np.arange(16))
    assert (rows != np.asarray(training.shuffle_rows(jax.random.key(1)))).any()
    # Drawn each for itself a row is missed with probability (1 - 1/4)^4 = 0.32, and with many minibatches 1/e = 0.37.
    state, batch = training.rollout(training.init(jax.random.key(0)))
    advantages = training.compute_advantages(batch)
    minibatch = training.take_minibatch(jax.random.key(2), batch, advantages, jnp.asarray(rows[1]))
    np.testing.assert_array_equal(minibatch.indices, rows[1])
    np.testing.assert_array_equal(minibatch.prio_weights, np.ones((4, 1)))
    np.testing.assert_array_equal(minibatch.actions, np.asarray(batch.action)[rows[1]])
    missed = [
        16
        - len(
            np.unique([training.sample_minibatch(k, batch, advantages, 0.6).indices for k in jax.random.split(key, 4)])
        )
        for key in jax.random.split(jax.random.key(3), 100)
    ]
    assert np.mean(missed) / 16 == pytest.approx(0.75**4, abs=0.03)
    del state


def test_update_equals_the_written_out_loop(training: TrainingComponents) -> None:
    assert_fused_equals_written_out(training)


def test_what_it_does_not_go_with() -> None:
    with pytest.raises(ValueError, match=r"minibatch_rows: 'shuffled' takes every row once.*prio_alpha 0.5"):
        TrainerConfig(minibatch_rows="shuffled", prioritized_experience_replay={"prio_alpha": 0.5})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"draw_fn: has nothing to draw"):
        TrainingComponents.create(
            ProbeEnv(),
            ProbeAgent(),
            config(minibatch_rows="shuffled"),
            draw_fn=lambda *_, **__: None,  # type: ignore[arg-type, return-value]
        )
