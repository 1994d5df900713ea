from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import metta_jax.rl
from metta_jax.rl import TrainingComponents
from metta_jax.rl.batch_layout import create_layout
from metta_jax.rl.update import anneal_beta
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config, variant

SIZES = {"num_agents": 8, "batch_size": 128, "minibatch_size": 32, "bptt_horizon": 8}


def test_static_facts() -> None:
    training = variant("default")
    assert training.segments == 16
    assert training.minibatch_segments == 4
    assert training.num_minibatches == 4
    assert training.accumulate_minibatches == 1
    assert training.kickstarter.num_teachers == 0
    assert hasattr(training.optimizer, "update")
    training.timer.start("_train")
    assert training.timer.stop("_train") >= 0.0


def test_the_name_of_an_own_policy_is_its_class() -> None:
    """It was that of anything called `config` that has a `preset`."""

    class Configured(ProbeAgent):
        config = SimpleNamespace(preset="fast")

    training = TrainingComponents.create(ProbeEnv(), Configured(), config())
    assert repr(training).startswith("TrainingComponents(Configured, 8 agents in 4 environments):")


def test_guide_names_of_the_arguments() -> None:
    training = TrainingComponents.create(
        vecenv=ProbeEnv(), policy=ProbeAgent(), trainer_config=config(), policy_store=None
    )
    assert training.segments == 16
    with pytest.raises(ValueError, match="env and vecenv are two names of one argument"):
        TrainingComponents.create(ProbeEnv(), ProbeAgent(), config(), vecenv=ProbeEnv())
    with pytest.raises(ValueError, match=r"TrainingComponents.create: agent is missing"):
        TrainingComponents.create(ProbeEnv(), trainer_config=config())


def test_bundle_is_frozen_and_holds_no_state() -> None:
    training = variant("default")
    with pytest.raises(dataclasses.FrozenInstanceError):
        training.plan = None  # type: ignore[misc, assignment]
    for name in ("experience", "losses", "agent_step", "epoch"):
        with pytest.raises(AttributeError, match=f"read it from the state, .*state.{name}"):
            getattr(training, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = training.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_agents": 17}, r"batch_size \(128\) is too small for 17 agents\. .*set trainer.batch_size >= 136"),
        ({"minibatch_size": 256}, "trainer.minibatch_size: 256 is larger than trainer.batch_size 128"),
        ({"minibatch_size": 36}, "minibatch_size 36 must be divisible by bptt_horizon 8"),
        ({"batch_size": 132}, "batch_size 132 must be divisible by bptt_horizon 8"),
        ({"minibatch_size": 48}, r"segments \(16\) must be divisible by minibatch_segments \(6\)"),
        ({"accumulate_minibatches": 3}, r"accumulate_minibatches: 3 does not divide the number of minibatches \(4\)"),
        ({"bptt_horizon": 0}, "bptt_horizon: 0 is not at least 1"),
    ],
)
def test_sizes_that_do_not_fit(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_layout(**(SIZES | changes))


def test_too_many_agents_are_named_before_anything_is_traced() -> None:
    with pytest.raises(ValueError, match=r"batch_size \(128\) is too small for 40 agents"):
        TrainingComponents.create(ProbeEnv(num_envs=20), ProbeAgent(), config())


def test_batches_scale_with_the_number_of_devices() -> None:
    settings = config(scale_batches_by_world_size=True, batch_size=128 * jax.device_count())
    settings = settings.replace(minibatch_size=32 * jax.device_count())
    training = TrainingComponents.create(ProbeEnv(), ProbeAgent(), settings)
    assert (training.segments, training.minibatch_segments) == (16, 4)
    # Schedules end with the last rollout, which has what one device takes.
    assert training.plan.layout.batch_size == 128
    assert int(training.hyperparameters.num_rollouts) == settings.total_timesteps // 128
    prioritized = settings.replace(prioritized_experience_replay={"prio_alpha": 1.0, "prio_beta0": 0.5})
    plan = TrainingComponents.create(ProbeEnv(), ProbeAgent(), prioritized).plan
    last = plan.hyperparameters.num_rollouts.astype(jnp.int32)
    assert float(anneal_beta(plan, last)) == pytest.approx(1.0)


def test_exported_names() -> None:
    names = [
        "perform_rollout_step",
        "process_minibatch_update",
        "compute_ppo_losses",
        "compute_advantage",
        "normalize_advantage_distributed",
        "calculate_explained_variance",
        "get_lstm_config",
        "calculate_batch_sizes",
        "validate_policy_environment_match",
        "calculate_prioritized_sampling_params",
        "accumulate_rollout_stats",
        "compute_gradient_stats",
        "calculate_anneal_beta",
    ]
    exported: Any = metta_jax.rl.__all__
    assert set(names) <= set(exported)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = metta_jax.rl.nothing  # type: ignore[attr-defined]


def test_the_beta_of_a_written_out_loop_is_that_of_update() -> None:
    """Also where the configuration's batch is for several devices: then a run has more rollouts."""
    settings = config(
        scale_batches_by_world_size=True,
        batch_size=128 * jax.device_count(),
        minibatch_size=32 * jax.device_count(),
        total_timesteps=1280,
        prioritized_experience_replay={"prio_alpha": 1.0, "prio_beta0": 0.5},
    )
    training = TrainingComponents.create(ProbeEnv(num_envs=4), ProbeAgent(), settings)
    state = training.init(jax.random.key(0)).replace(epoch=jnp.int32(4))
    beta = training.anneal_beta(state)
    assert float(beta) == pytest.approx(0.5 + 0.5 * 4 / 10, rel=1e-6)  # 1280 steps are ten rollouts of 128
    assert beta == anneal_beta(training.plan, state.epoch)
    assert float(training.anneal_beta(state.replace(epoch=jnp.int32(40)))) == 1.0
