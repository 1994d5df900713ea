"""What the training tests share: small configurations, the hand-written loop, and exact comparison of states."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.config import TrainerConfig
from metta_jax.rl import Teacher, TrainingComponents, TrainState
from tests.rl.probes import ProbeAgent, ProbeEnv


def config(**changes: Any) -> TrainerConfig:
    """128 agent steps a rollout in rows of 8, four minibatches of 4 rows."""
    fields: dict[str, Any] = {"batch_size": 128, "minibatch_size": 32, "bptt_horizon": 8, "total_timesteps": 100_000}
    return TrainerConfig.model_validate(fields | changes)


VARIANTS = ("default", "accumulated", "original")


@functools.cache
def variant(name: str) -> TrainingComponents:
    """Bundles that between them use every option of the training phase; shared, so that each compiles once.

    default: our ways, with prioritized rows, two epochs, a schedule. accumulated: truncation, write-back, regularizers,
    early stop. original: rows that wrap around the buffer, a teacher, muon, the original trainer's ways.
    """
    if name == "default":
        settings = config(
            update_epochs=2,
            ppo={"gamma": 0.95, "gae_lambda": 0.95, "ent_coef": 0.01},
            prioritized_experience_replay={"prio_alpha": 0.7},
            lr_scheduler={"enabled": True, "warmup_steps": 3},
            optimizer={"learning_rate": 0.01},
        )
        env = ProbeEnv(game="memory", episode_length=4, staggered=True)
        return TrainingComponents.create(env, ProbeAgent(), settings)
    if name == "accumulated":
        settings = config(
            update_epochs=3,
            ppo={"target_kl": 1e-4, "l2_reg_loss_coef": 0.01, "l2_init_loss_coef": 0.1, "clip_coef": 0.2},
            optimizer={"learning_rate": 0.003},
            grad_mean_variance_interval=2,
            value_write_back=True,
        )
        env = ProbeEnv(ends="truncated", staggered=True)
        agent = ProbeAgent(clip_range=0.5, l2_init_weight_update_interval=2)
        return TrainingComponents.create(env, agent, settings, accumulate_minibatches=2)
    if name == "original":
        settings = config(
            optimizer={"type": "muon", "learning_rate": 0.01, "weight_decay": 0.01},
            recurrence={"reset_at_episode_end": False, "initial_state": "zero"},
            advantage={"bootstrap_last": False, "bootstrap_truncated": False},
            kickstart={"kickstart_steps": 500, "anneal_ratio": 0.5},
        )
        agent = ProbeAgent()
        teacher = Teacher(agent, agent.init(jax.random.key(7)), action_loss_coef=0.5, value_loss_coef=0.25)
        return TrainingComponents.create(ProbeEnv(num_envs=3), agent, settings, teachers=[teacher])
    raise AssertionError(name)


def manual_rollout(training: TrainingComponents, state: TrainState) -> TrainState:
    """The rollout of the guide, step by step."""
    state = training.reset_for_rollout(state)
    while not training.is_ready_for_training(state):
        state, _ = training.rollout_step(state)
    return state


def manual_update(training: TrainingComponents, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
    """The training phase of the guide, call by call."""
    settings, batch = training.config, state.experience
    state = training.reset_training_state(state)
    beta = training.anneal_beta(state)
    advantages = training.compute_advantages(batch)
    rollout_batch = batch
    shuffled = settings.minibatch_rows == "shuffled"
    for _ in range(settings.update_epochs):
        if shuffled:
            state, key = training.split_key(state)
            rows = training.shuffle_rows(key)
        for i in range(training.num_minibatches):
            state, key = training.split_key(state)
            if shuffled:
                minibatch = training.take_minibatch(key, batch, advantages, rows[i])
            else:
                minibatch = training.sample_minibatch(key, batch, advantages, beta, i, training.num_minibatches)
            state, loss = training.train_minibatch(state, minibatch)
            state = training.optimize_step(state, training.accumulate_minibatches)
            if settings.value_write_back:
                batch = training.write_back(batch, minibatch, loss)
        state = training.finish_epoch(state)
        if training.exceeds_target_kl(state):
            break
    state = training.finish_update(state, rollout_batch, advantages).replace(experience=batch)
    return state, training.metrics(state, batch)


def assert_fused_equals_written_out(training: TrainingComponents, num_updates: int = 2) -> None:
    """`train_step` and the guide's loop make the same states and metrics, bit for bit."""
    fused, by_hand = (training.init(jax.random.key(0)) for _ in range(2))
    for _ in range(num_updates):
        fused, metrics = training.train_step(fused)
        by_hand, hand_metrics = manual_update(training, manual_rollout(training, by_hand))
        assert_same(fused, by_hand)
        assert_same(metrics, hand_metrics)


def assert_same(actual: Any, expected: Any) -> None:
    """All leaves have the same dtype, shape, weak type and bits."""
    actual_leaves, expected_leaves = jax.tree_util.tree_leaves_with_path(actual), jax.tree.leaves(expected)
    assert len(actual_leaves) == len(expected_leaves)
    different = []
    for (path, x), y in zip(actual_leaves, expected_leaves, strict=True):
        assert x.dtype == y.dtype, path
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        assert x.weak_type == y.weak_type, path
        x, y = np.asarray(x), np.asarray(y)
        if not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            different.append(jax.tree_util.keystr(path))
    assert not different, different
