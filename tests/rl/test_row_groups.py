"""Minibatches that take equally many rows from each group."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import TrainerConfig
from metta_jax.rl import TrainingComponents
from metta_jax.rl.rows import sample_minibatch, shuffled_rows
from metta_jax.rl.sampling import draw_rows, row_probabilities
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import assert_fused_equals_written_out, config

PRIORITIZED = {"prioritized_experience_replay": {"prio_alpha": 0.7}}


def make(**changes: object) -> TrainingComponents:
    return TrainingComponents.create(ProbeEnv(staggered=True), ProbeAgent(), config(row_groups=2, **changes))


@pytest.fixture(scope="module")
def drawn() -> TrainingComponents:
    return make(**PRIORITIZED, update_epochs=2, optimizer={"learning_rate": 0.01})


def test_a_minibatch_has_equally_many_rows_of_each_group(drawn: TrainingComponents) -> None:
    _, batch = drawn.rollout(drawn.init(jax.random.key(0)))
    advantages = drawn.compute_advantages(batch)
    seen = set()
    for key in jax.random.split(jax.random.key(1), 40):
        minibatch = drawn.sample_minibatch(key, batch, advantages, 0.6)
        rows = np.asarray(minibatch.indices)
        assert ((rows[:2] < 8) & (rows[2:] >= 8)).all()  # 16 rows in 2 groups, 4 rows of a minibatch
        assert len(set(rows.tolist())) == 4
        np.testing.assert_array_equal(minibatch.actions, np.asarray(batch.action)[rows])
        seen |= set(rows.tolist())
    assert seen == set(range(16))


def test_weights_and_rows_are_those_of_draws_from_each_group(drawn: TrainingComponents) -> None:
    """Rows of a group are drawn among themselves: p sums to 1 in a group, and weights are (S / G * p) ** -beta."""
    _, batch = drawn.rollout(drawn.init(jax.random.key(0)))
    advantages = drawn.compute_advantages(batch)
    key, beta = jax.random.key(5), jnp.float32(0.6)
    minibatch = drawn.sample_minibatch(key, batch, advantages, beta)
    for group in range(2):
        part = advantages[8 * group : 8 * group + 8]
        probabilities = row_probabilities(part, prio_alpha=0.7)
        rows, weights = draw_rows(jax.random.fold_in(key, group + 2), probabilities, 2, beta=beta)
        chosen = slice(2 * group, 2 * group + 2)
        np.testing.assert_array_equal(minibatch.indices[chosen], rows + 8 * group)
        np.testing.assert_allclose(minibatch.prio_weights[chosen], weights, rtol=1e-6)


def test_a_part_of_the_groups_gives_its_part_of_the_minibatch(drawn: TrainingComponents) -> None:
    """What a device draws that holds the second group alone."""
    _, batch = drawn.rollout(drawn.init(jax.random.key(0)))
    advantages, key, beta = drawn.compute_advantages(batch), jax.random.key(9), jnp.float32(0.6)
    whole = drawn.sample_minibatch(key, batch, advantages, beta)
    here = jax.tree.map(lambda rows: rows[8:], batch)
    part = jax.jit(lambda: sample_minibatch(drawn.plan, key, here, advantages[8:], beta, first_group=1))()
    np.testing.assert_array_equal(part.indices, whole.indices[2:])
    np.testing.assert_array_equal(part.obs, whole.obs[2:])
    np.testing.assert_allclose(part.prio_weights, whole.prio_weights[2:], rtol=1e-6)
    np.testing.assert_array_equal(part.initial_state[0], whole.initial_state[0][:, 2:])


def test_every_row_is_dealt_once() -> None:
    training = make(minibatch_rows="shuffled")
    rows = np.asarray(training.shuffle_rows(jax.random.key(0)))
    assert rows.shape == (4, 4)
    np.testing.assert_array_equal(np.sort(rows.ravel()), np.arange(16))
    assert ((rows[:, :2] < 8) & (rows[:, 2:] >= 8)).all()
    np.testing.assert_array_equal(shuffled_rows(training.plan, jax.random.key(0), 1, first_group=1), rows[:, 2:])


def test_update_equals_the_written_out_loop(drawn: TrainingComponents) -> None:
    assert_fused_equals_written_out(drawn)


def test_groups_that_a_minibatch_cannot_be_taken_from_evenly() -> None:
    with pytest.raises(
        ValueError, match=r"row_groups: 3 does not divide the 4 rows of a minibatch \(minibatch_size 32 "
    ):
        config(row_groups=3)
    with pytest.raises(ValueError, match="row_groups"):
        TrainerConfig(row_groups=0)
