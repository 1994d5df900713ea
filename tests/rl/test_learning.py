"""The learner reaches the known optimum of small games."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from metta_jax.rl import TrainingComponents, TrainState
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config, variant


def _train(training: TrainingComponents, num_updates: int) -> tuple[TrainState, list[dict[str, float]]]:
    state = training.init(jax.random.key(0))
    history = []
    for _ in range(num_updates):
        state, metrics = training.train_step(state)
        history.append({name: float(value) for name, value in metrics.items()})
    return state, history


def _episode_reward(history: list[dict[str, float]]) -> float:
    return sum(m["episode/return_sum"] for m in history) / sum(m["episode/count"] for m in history)


def test_remembering_what_was_seen() -> None:
    _, history = _train(variant("default"), 100)
    assert _episode_reward(history[:3]) < 0.6  # without memory 1 / 3
    assert _episode_reward(history[-20:]) > 0.95


def test_values_at_the_end_of_episodes() -> None:
    # A reward of 1 for every step, gamma = 1/2, episodes of one step. Terminated ones are worth 1, truncated ones are
    # cut short of an endless one, worth 1 / (1 - gamma) = 2. The agent has no memory: the value asked for at the
    # cut would be that of a state which is never trained on.
    env = ProbeEnv(game="constant", episode_length=1, ends="mixed")
    ppo = {"gamma": 0.5, "gae_lambda": 0.9, "vf_clip_coef": 10.0}
    settings = config(ppo=ppo, optimizer={"learning_rate": 0.01}, update_epochs=2)
    state, _ = _train(TrainingComponents.create(env, ProbeAgent(forget=True), settings), 120)
    batch = state.experience
    for flag, expected in ((batch.done, 1.0), (batch.truncated, 2.0)):
        assert np.asarray(batch.value)[np.asarray(flag) > 0].mean() == pytest.approx(expected, abs=0.03)
