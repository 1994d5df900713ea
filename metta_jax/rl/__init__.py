"""Training: rollouts, advantages, minibatches, losses, optimizers, and the calls that bundle them."""

from __future__ import annotations

from metta_jax.rl.advantage import (
    calculate_explained_variance,
    compute_advantage,
    normalize_advantage_distributed,
)
from metta_jax.rl.check_env import check_env
from metta_jax.rl.check_policy import check_policy
from metta_jax.rl.components import TrainingComponents
from metta_jax.rl.contracts import AdvantageFn, DrawFn, GradientFn, LossFn, Training
from metta_jax.rl.diversity import diversity_factors
from metta_jax.rl.gradient_stats import compute_gradient_stats
from metta_jax.rl.hyperparameters import Hyperparameters
from metta_jax.rl.kickstart import Kickstarter, Teacher
from metta_jax.rl.losses import compute_ppo_losses, loss_stats
from metta_jax.rl.memory import MemoryNeeds, explain_out_of_memory, memory_needs
from metta_jax.rl.minibatch import minibatch_advantages, minibatch_loss, process_minibatch_update, unroll_policy
from metta_jax.rl.optimizer import create_optimizer
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.policy_checks import calculate_batch_sizes, get_lstm_config, validate_policy_environment_match
from metta_jax.rl.rollout import perform_rollout, perform_rollout_step
from metta_jax.rl.rollout_stats import accumulate_rollout_stats, unpack_infos
from metta_jax.rl.sampling import (
    calculate_anneal_beta,
    calculate_prioritized_sampling_params,
    draw_prioritized,
)
from metta_jax.rl.train_state import Experience, GradientSum, Losses, Minibatch, MinibatchLoss, StepCounter, TrainState

__all__ = [
    "AdvantageFn",
    "DrawFn",
    "Experience",
    "GradientFn",
    "GradientSum",
    "Hyperparameters",
    "Kickstarter",
    "LossFn",
    "Losses",
    "MemoryNeeds",
    "Minibatch",
    "MinibatchLoss",
    "StepCounter",
    "Teacher",
    "TrainState",
    "Training",
    "TrainingComponents",
    "TrainingPlan",
    "accumulate_rollout_stats",
    "calculate_anneal_beta",
    "calculate_batch_sizes",
    "calculate_explained_variance",
    "calculate_prioritized_sampling_params",
    "check_env",
    "check_policy",
    "compute_advantage",
    "compute_gradient_stats",
    "compute_ppo_losses",
    "create_optimizer",
    "diversity_factors",
    "draw_prioritized",
    "explain_out_of_memory",
    "get_lstm_config",
    "loss_stats",
    "memory_needs",
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
