"""A curriculum inside training: part of the state, the same numbers in one program and in parts, metrics."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from metta_jax.curriculum import LearningProgress
from metta_jax.rl import TrainingComponents, unpack_infos
from metta_jax.store import load_train_state, save_train_state
from metta_jax.trainer import EpisodeRewards
from metta_jax.worlds.environment import Environment
from tests.curriculum.mines import WORLDS, build
from tests.rl.probes import ProbeAgent
from tests.rl.training import assert_same, config, manual_rollout, manual_update


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    curriculum = build(LearningProgress(tasks=dict.fromkeys(WORLDS, 1.0), sample_threshold=3, ema_timescale=0.3))
    env = Environment(curriculum, num_envs=8)
    return TrainingComponents.create(env, ProbeAgent(), config(prioritized_experience_replay={"prio_alpha": 0.5}))


def test_fused_step_equals_its_parts(training: TrainingComponents) -> None:
    fused, parts, by_hand = (training.init(jax.random.key(1)) for _ in range(3))
    for _ in range(3):
        fused, metrics = training.train_step(fused)
        parts, batch = training.rollout(parts)
        parts, part_metrics = training.update(parts, batch)
        by_hand, hand_metrics = manual_update(training, manual_rollout(training, by_hand))
        assert_same(fused, parts)
        assert_same(metrics, part_metrics)
        assert_same(by_hand, parts)
        assert_same(part_metrics, hand_metrics)


def test_metrics_tell_of_tasks(training: TrainingComponents) -> None:
    state = training.init(jax.random.key(2))
    for _ in range(3):
        state, metrics = training.train_step(state)
    metrics = jax.device_get(metrics)
    probs = [metrics[f"curriculum_task_probs/{name}"] for name in WORLDS]
    assert np.sum(probs) == pytest.approx(1.0)
    assert np.sum([metrics[f"task_completions/{name}"] for name in WORLDS]) == pytest.approx(1.0)
    assert metrics["task_reward/poor/rewards.mean"] == 0.0
    assert metrics["task_reward/rich/rewards.mean"] > 0.0
    assert metrics["lp/num_nan_tasks"] == 0
    assert all(value.shape == () for value in metrics.values())
    assert state.env_state.curriculum is None  # it is in one place


def test_rewards_of_tasks_are_those_of_one_rollout(training: TrainingComponents) -> None:
    state, _ = training.rollout(training.init(jax.random.key(3)))
    assert int(state.curriculum.completions.episodes.sum()) == int(state.episodes.count.sum()) > 0
    state, _ = training.rollout(state)
    assert int(state.curriculum.completions.episodes.sum()) == int(state.episodes.count.sum()) > 0


def test_a_run_that_was_saved_goes_on_with_the_same_tasks(training: TrainingComponents, tmp_path: Path) -> None:
    state, _ = training.rollout(training.init(jax.random.key(4)))
    save_train_state(tmp_path, state, training)
    restored = load_train_state(tmp_path, training)
    assert restored is not None
    assert_same(restored, state)
    assert_same(training.rollout(restored)[0], training.rollout(state)[0])


def test_the_reward_is_that_of_full_episodes_by_the_limit_of_each_task(training: TrainingComponents) -> None:
    """Tasks of 3, 4 and 7 steps, in no order of their own: against a count of single episodes."""
    limits = {name: config.game.max_steps for name, config in WORLDS.items()}
    assert sorted(limits.values()) == [3, 4, 7]
    state, rewards, ended = training.init(jax.random.key(4)), EpisodeRewards(window=3), []
    for rollout in range(5):
        state = training.reset_for_rollout(state)
        episodes = []
        while not training.is_ready_for_training(state):
            state, info = training.rollout_step(state)
            episodes += unpack_infos(info)
        ended.append(episodes)
        metrics = training.metrics(state, state.experience)
        shares = [e["episode_length"] / limits[training.plan.env.task_names[e["task"]]] for e in episodes]
        assert float(metrics["episode/share_sum"]) == pytest.approx(sum(shares), rel=1e-5)
        found = rewards.add(metrics)
        if rollout >= 3:  # only full episodes are left in the window: a plain mean
            window = [e for some in ended[-3:] for e in some]
            assert {e["task"] for e in window} == {0, 1, 2}
            assert found == pytest.approx(np.mean([e["reward"] for e in window]), rel=1e-5)
