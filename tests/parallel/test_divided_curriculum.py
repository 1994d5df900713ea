"""A curriculum on two devices learns from all episodes, and is one curriculum again after each rollout."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.curriculum import LearningProgress, PrioritizeRegressed, Random
from metta_jax.parallel import env_mesh, shard_training
from metta_jax.parallel.divided_curriculum import DividedCurriculum
from metta_jax.rl import TrainingComponents
from metta_jax.worlds.environment import Environment
from tests.curriculum.mines import WORLDS, build
from tests.parallel.runs import assert_close, exchanges
from tests.rl.probes import ProbeAgent
from tests.rl.training import config, manual_rollout


def _training(kind: Any, num_envs: int = 8) -> TrainingComponents:
    return TrainingComponents.create(Environment(build(kind), num_envs=num_envs), ProbeAgent(), config())


@pytest.mark.parametrize(
    "kind",
    [
        LearningProgress(tasks=dict.fromkeys(WORLDS, 1.0), sample_threshold=3, ema_timescale=0.3),
        PrioritizeRegressed(tasks=dict.fromkeys(WORLDS, 1.0)),
    ],
)
def test_it_learns_from_all_episodes_in_the_order_of_one_device(kind: Any) -> None:
    curriculum = build(kind)
    rng = np.random.default_rng(0)
    done = jnp.asarray(rng.random((5, 4)) < 0.4)
    task = jnp.asarray(rng.integers(0, curriculum.num_variants, (5, 4)), jnp.int32)
    score = jnp.asarray(rng.random((5, 4)), jnp.float32).at[2].set(jnp.nan)
    expected = first = curriculum.init(jax.random.key(1))
    for t in range(5):
        expected = curriculum.complete(expected, task[t], score[t], done[t])
    actual = jax.jit(DividedCurriculum(curriculum, env_mesh()).merge)(first, done, task, score)
    assert_close(actual, expected)
    assert int(actual.num_ignored) > 0


def test_tasks_of_fixed_weights_are_those_of_one_device() -> None:
    training = _training(Random(tasks={"poor": 1.0, "rich": 2.0, "long": 1.0}))
    sharded = shard_training(training)
    one, two = training.init(jax.random.key(3)), sharded.init(jax.random.key(3))
    for _ in range(2):
        one, _ = training.rollout(one)
        two, batch = sharded.rollout(two)
    assert_close(two, one)
    assert_close(manual_rollout(sharded, two), sharded.rollout(two)[0])  # the single steps draw the same too
    state = two.replace(experience=None)
    program = sharded.programs.rollout.lower(sharded.hyperparameters, sharded.plan.env.params, state).compile()
    assert exchanges(program.as_text()) == ["all-gather"]
    assert len(batch.reward.sharding.device_set) == 2


@pytest.mark.slow
def test_what_it_prefers_is_what_it_prefers_on_one_device() -> None:
    """Shares of tasks in some 2,000 episodes of 5 seeds; within a rollout, devices draw without each other's news."""
    kind = PrioritizeRegressed(tasks=dict.fromkeys(WORLDS, 1.0), moving_avg_decay_rate=0.05)
    training = _training(kind)
    shares = []
    for run in (training, shard_training(training)):
        counts = np.zeros(len(WORLDS))
        for seed in range(5):
            state = run.init(jax.random.key(seed))
            for _ in range(60):
                state, _ = run.rollout(state)
                counts += np.asarray(state.curriculum.completions.episodes)
        assert counts.sum() > 2000
        shares.append(counts / counts.sum())
    np.testing.assert_allclose(shares[1], shares[0], atol=0.05)
    assert max(shares[0]) > 0.45  # it does prefer one
