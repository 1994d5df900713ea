"""The jitted functions behind `TrainingComponents`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from metta_jax.rl import rollout as rollout_functions
from metta_jax.rl import update as update_functions
from metta_jax.rl.experience import write_back
from metta_jax.rl.initial_state import empty_experience, init_state
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Experience, Minibatch, MinibatchLoss, TrainState

# What a rollout reads but never changes. Its programs leave these fields out of what they return.
ROLLOUT_CONSTANTS = rollout_functions.CONSTANT_FIELDS

# What training never touches. Its programs take and return states without these fields.
ACTING_FIELDS = (
    "env_state",
    "reward",
    "done",
    "truncated",
    "final_value",
    "recurrent",
    "experience",
    "teacher_params",
    "teacher_recurrent",
)


def compile_programs(plan: TrainingPlan) -> dict[str, Callable[..., Any]]:
    """The jitted functions by name, each its own object: `jit` shares what it compiled between equal functions.

    Nothing is traced before the first call.
    """

    def bind(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: function(plan, *args)

    def reset_for_rollout(env_params: Any, state: TrainState) -> TrainState:
        del env_params
        return rollout_functions.without_constants(rollout_functions.reset_for_rollout(plan, state))

    def rollout_step(env_params: Any, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        state, info = rollout_functions.perform_rollout_step(plan, env_params, state)
        return rollout_functions.without_constants(state), info

    def rollout(env_params: Any, state: TrainState) -> TrainState:
        state = state.replace(experience=empty_experience(plan, state.observation, state.recurrent))
        return rollout_functions.without_constants(rollout_functions.perform_rollout(plan, env_params, state))

    def update(state: TrainState, batch: Experience) -> tuple[TrainState, Any, dict[str, jax.Array]]:
        state, batch, metrics = update_functions.update(plan, state, batch)
        return state, (batch.value, batch.ratio) if plan.config.value_write_back else None, metrics

    def train_step(env_params: Any, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        state = rollout_functions.perform_rollout(plan, env_params, state)
        batch = state.experience
        state, batch, metrics = update_functions.update(plan, state.replace(experience=None), batch)
        return state.replace(experience=batch), metrics

    def write(batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
        return write_back(batch, minibatch, loss)

    return {
        "init": jax.jit(bind(init_state)),
        "split_key": jax.jit(lambda key: update_functions.split(key)),
        "reset_for_rollout": jax.jit(reset_for_rollout),
        "rollout_step": jax.jit(rollout_step),
        "rollout": jax.jit(rollout),
        "reset_training_state": jax.jit(lambda state: update_functions.reset_training_state(state)),
        "compute_advantages": jax.jit(bind(update_functions.compute_advantages)),
        "sample_minibatch": jax.jit(bind(update_functions.sample_minibatch)),
        "train_minibatch": jax.jit(bind(update_functions.train_minibatch)),
        "write_back": jax.jit(write),
        "optimize_step": jax.jit(bind(update_functions.optimize_step)),
        "finish_epoch": jax.jit(bind(update_functions.finish_epoch)),
        "exceeds_target_kl": jax.jit(bind(update_functions.exceeds_target_kl)),
        "finish_update": jax.jit(bind(update_functions.finish_update)),
        "metrics": jax.jit(bind(update_functions.update_metrics)),
        "update": jax.jit(update),
        "train_step": jax.jit(train_step, donate_argnums=1),
    }
