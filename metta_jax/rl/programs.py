"""The jitted functions behind `TrainingComponents`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
from jax.stages import Wrapped

from metta_jax.core.pytree import PyTree
from metta_jax.rl import rollout as rollout_functions
from metta_jax.rl import update as update_functions
from metta_jax.rl.experience import write_back
from metta_jax.rl.initial_state import empty_experience, init_state
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Experience, TrainState

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

_KEY = "_training_programs"


@dataclass(frozen=True, eq=False)
class Programs:
    """The functions of a plan, each of them jitted; nothing is traced before the first call.

    The first argument is the plan's `Hyperparameters`. Acting functions take the environment's params next.
    """

    init: Wrapped
    reset_for_rollout: Wrapped
    rollout_step: Wrapped
    rollout: Wrapped
    split_key: Wrapped
    reset_training_state: Wrapped
    compute_advantages: Wrapped
    anneal_beta: Wrapped
    shuffle_rows: Wrapped
    take_minibatch: Wrapped
    sample_minibatch: Wrapped
    train_minibatch: Wrapped
    write_back: Wrapped
    optimize_step: Wrapped
    finish_epoch: Wrapped
    exceeds_target_kl: Wrapped
    finish_update: Wrapped
    metrics: Wrapped
    update: Wrapped
    train_step: Wrapped


def programs_of(plan: TrainingPlan) -> Programs:
    """The programs of a plan, which all plans of the same environment share that differ in numbers alone.

    They are kept with the environment and go with it. An environment without a `__dict__` shares none, nor does a plan
    whose functions have no hash.
    """
    fields = getattr(plan.env, "__dict__", None)
    if fields is None:
        return _compile(plan)
    shared, key = fields.setdefault(_KEY, _Shared()), plan.static_key
    try:
        programs = shared.get(key)
    except TypeError:  # it has no hash
        return _compile(plan)
    if programs is None:
        programs = shared[key] = _compile(plan)
    return programs


class _Shared(dict[Hashable, Programs]):
    """The programs of one environment by `TrainingPlan.static_key`; they are neither copied nor pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Shared, ())


def _compile(plan: TrainingPlan) -> Programs:
    def bind(function: Callable[..., Any]) -> Wrapped:
        # An object of its own for each: `jit` shares what it compiled between equal functions.
        return jax.jit(lambda numbers, *args: function(plan.with_hyperparameters(numbers), *args))

    return Programs(
        init=bind(init_state),
        reset_for_rollout=bind(_reset_for_rollout),
        rollout_step=bind(_rollout_step),
        rollout=bind(_rollout),
        split_key=bind(lambda plan, key: update_functions.split(key)),
        reset_training_state=bind(lambda plan, state: update_functions.reset_training_state(state)),
        compute_advantages=bind(lambda plan, *args: plan.rows.compute_advantages(plan, *args)),
        anneal_beta=bind(update_functions.anneal_beta),
        shuffle_rows=bind(lambda plan, key: plan.rows.shuffle(plan, key)),
        take_minibatch=bind(lambda plan, *args: plan.rows.deal(plan, *args)),
        sample_minibatch=bind(lambda plan, *args: plan.rows.sample(plan, *args)),
        train_minibatch=bind(update_functions.train_minibatch),
        write_back=bind(lambda plan, batch, minibatch, loss: write_back(batch, minibatch, loss)),
        optimize_step=bind(update_functions.optimize_step),
        finish_epoch=bind(update_functions.finish_epoch),
        exceeds_target_kl=bind(update_functions.exceeds_target_kl),
        finish_update=bind(update_functions.finish_update),
        metrics=bind(update_functions.update_metrics),
        update=bind(_update),
        train_step=jax.jit(
            lambda numbers, *args: _train_step(plan.with_hyperparameters(numbers), *args), donate_argnums=2
        ),
    )


def _reset_for_rollout(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> TrainState:
    del env_params
    return rollout_functions.without_constants(rollout_functions.reset_for_rollout(plan, state))


def _rollout_step(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
    state, info = rollout_functions.perform_rollout_step(plan, env_params, state)
    return rollout_functions.without_constants(state), info


def _rollout(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> TrainState:
    state = state.replace(experience=empty_experience(plan, state.observation, state.recurrent))
    return rollout_functions.without_constants(rollout_functions.perform_rollout(plan, env_params, state))


def _update(plan: TrainingPlan, state: TrainState, batch: Experience) -> tuple[TrainState, Any, dict[str, jax.Array]]:
    state, batch, metrics = update_functions.update(plan, state, batch)
    return state, (batch.value, batch.ratio) if plan.options.value_write_back else None, metrics


def _train_step(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
    state = rollout_functions.perform_rollout(plan, env_params, state)
    batch = state.experience
    state, batch, metrics = update_functions.update(plan, state.replace(experience=None), batch)
    return state.replace(experience=batch), metrics
