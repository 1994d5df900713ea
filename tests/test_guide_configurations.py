"""The guide's configurations, as written."""

from __future__ import annotations

import pytest

from metta_jax import api
from metta_jax.api import (
    CheckpointConfig,
    OptimizerConfig,
    PPOConfig,
    SimulationConfig,
    TorchProfilerConfig,
    TrainerConfig,
    VTraceConfig,
    create_default_trainer_config,
)


def test_a_string_for_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^ppo\.clip_coef: Input should be a valid number"):
        TrainerConfig.model_validate({"ppo": {"clip_coef": "0.1"}})
    config = TrainerConfig(
        ppo=PPOConfig(clip_coef=0.1),
    )
    assert config == TrainerConfig()


def test_option_1() -> None:
    config = TrainerConfig(
        num_workers=4,
        total_timesteps=50_000_000,
        batch_size=524288,
        minibatch_size=16384,
        ppo=PPOConfig(
            clip_coef=0.2,
            ent_coef=0.01,
            gamma=0.99,
        ),
        optimizer=OptimizerConfig(
            type="adam",
            learning_rate=3e-4,
        ),
        checkpoint=CheckpointConfig(
            checkpoint_dir="./checkpoints",
            checkpoint_interval=100,
        ),
    )
    assert (config.ppo.clip_coef, config.ppo.ent_coef, config.ppo.gamma) == (0.2, 0.01, 0.99)
    assert config.ppo.gae_lambda == PPOConfig().gae_lambda
    assert TorchProfilerConfig is api.ProfilerConfig


def test_option_2() -> None:
    config = create_default_trainer_config(
        num_workers=4, total_timesteps=50_000_000, batch_size=524288, ppo={"clip_coef": 0.2, "ent_coef": 0.01}
    )
    assert (config.batch_size, config.total_timesteps, config.num_workers) == (524288, 50_000_000, 4)
    assert config.ppo == PPOConfig(clip_coef=0.2, ent_coef=0.01)
    with pytest.raises(ValueError, match=r"ppo\.clip_coeff: .*clip_coef"):
        create_default_trainer_config(ppo={"clip_coeff": 0.2})


def test_single_configurations() -> None:
    ppo_config = PPOConfig(
        clip_coef=0.1,
        ent_coef=0.01,
        gamma=0.99,
        gae_lambda=0.95,
        vf_coef=0.5,
        max_grad_norm=0.5,
    )
    optimizer_config = OptimizerConfig(
        type="adam",
        learning_rate=3e-4,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        weight_decay=0.0,
    )
    simulation_config = SimulationConfig(
        evaluate_interval=300,
        replay_interval=300,
        replay_dir="./replays",
    )
    whole = TrainerConfig(ppo=ppo_config, optimizer=optimizer_config, simulation=simulation_config)
    assert (whole.ppo, whole.optimizer, whole.simulation) == (ppo_config, optimizer_config, simulation_config)


def test_defaults() -> None:
    assert PPOConfig().clip_coef == 0.1
    assert OptimizerConfig().learning_rate == 0.0004573146765703167
    assert (VTraceConfig().vtrace_rho_clip, VTraceConfig().vtrace_c_clip) == (1.0, 1.0)
