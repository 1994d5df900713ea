"""Training: rollouts, advantages, minibatches, losses, optimizers, and the calls that bundle them."""

from __future__ import annotations

import importlib
from typing import Any

from metta_jax.rl.advantage import (
    calculate_explained_variance,
    compute_advantage,
    normalize_advantage_distributed,
)
from metta_jax.rl.components import TrainingComponents
from metta_jax.rl.diversity import diversity_factors
from metta_jax.rl.gradient_stats import compute_gradient_stats
from metta_jax.rl.kickstart import Kickstarter, Teacher
from metta_jax.rl.losses import compute_ppo_losses, loss_stats
from metta_jax.rl.minibatch import minibatch_advantages, minibatch_loss, process_minibatch_update, unroll_policy
from metta_jax.rl.optimizer import create_optimizer
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.policy_checks import calculate_batch_sizes, get_lstm_config, validate_policy_environment_match
from metta_jax.rl.replay.sampling import (
    calculate_anneal_beta,
    calculate_prioritized_sampling_params,
    draw_prioritized,
)
from metta_jax.rl.rollout import perform_rollout, perform_rollout_step
from metta_jax.rl.rollout_stats import accumulate_rollout_stats, unpack_infos
from metta_jax.rl.train_state import Experience, GradientSum, Losses, Minibatch, MinibatchLoss, StepCounter, TrainState

__all__ = [
    "Experience",
    "GradientSum",
    "Kickstarter",
    "Losses",
    "Minibatch",
    "MinibatchLoss",
    "StepCounter",
    "Teacher",
    "TrainState",
    "TrainingComponents",
    "TrainingPlan",
    "accumulate_rollout_stats",
    "calculate_anneal_beta",
    "calculate_batch_sizes",
    "calculate_explained_variance",
    "calculate_prioritized_sampling_params",
    "cleanup_old_policies",  # pyright: ignore[reportUnsupportedDunderAll]
    "compute_advantage",
    "compute_gradient_stats",
    "compute_ppo_losses",
    "create_optimizer",
    "diversity_factors",
    "draw_prioritized",
    "get_lstm_config",
    "loss_stats",
    "minibatch_advantages",
    "minibatch_loss",
    "normalize_advantage_distributed",
    "perform_rollout",
    "perform_rollout_step",
    "process_minibatch_update",
    "unpack_infos",
    "unroll_policy",
    "validate_policy_environment_match",
]


def __getattr__(name: str) -> Any:
    # The store depends on the training state, so its one name in this list is looked up when it is asked for.
    if name == "cleanup_old_policies":
        return importlib.import_module("metta_jax.store").cleanup_old_policies
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
