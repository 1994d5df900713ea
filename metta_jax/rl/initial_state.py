"""The training state before the first rollout."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.core.pytree import PyTree
from metta_jax.rl.experience import create_experience, take_minibatch
from metta_jax.rl.losses import check_numbers
from metta_jax.rl.minibatch import dropout_key
from metta_jax.rl.parameter_layers import layer_weights, weight_limits
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import (
    Experience,
    Params,
    Recurrent,
    StepCounter,
    TrainState,
    no_gradient_stats,
    zero_episodes,
    zero_gradients,
    zero_losses,
)


def init_state(
    plan: TrainingPlan,
    env_params: PyTree,
    teacher_params: tuple[Params, ...],
    key: jax.Array,
    params: Params = None,
    limits: dict[str, jax.Array] | None = None,
) -> TrainState:
    """The state before the first rollout; `params` None for fresh ones, `limits` None for those of the parameters."""
    agent_key, env_key, run_key = jax.random.split(key, 3)
    params = plan.agent.init(agent_key) if params is None else params
    env_state, _ = plan.env.reset(env_params, env_key)
    curriculum: Any = ()
    if plan.curriculum is not None:
        curriculum, env_state = env_state.curriculum, env_state.replace(curriculum=None)
    num_agents = plan.layout.num_agents
    tokens = env_state.observation.shape[2:]
    recurrent = plan.agent.initial_state(num_agents)
    groups = len(plan.env.agent_stat_names)
    experience = empty_experience(plan, env_state.observation.reshape(num_agents, *tokens), recurrent)
    stat_shape = (groups, env_state.env.agent_stats.value.shape[-1]) if groups else None
    return TrainState(
        params=params,
        opt_state=plan.optimizer.init(params),
        grads=zero_gradients(params),
        env_state=env_state,
        reward=jnp.zeros((num_agents,), jnp.float32),
        done=jnp.zeros((num_agents,), jnp.float32),
        truncated=jnp.zeros((num_agents,), jnp.float32),
        final_value=jnp.zeros((num_agents,), jnp.float32),
        recurrent=recurrent,
        experience=experience,
        position=jnp.zeros((), jnp.int32),
        losses=zero_losses(_loss_parts(plan, params, experience)),
        gradient_stats=no_gradient_stats(),
        l2_init=layer_weights(plan.agent, params) if plan.uses_reference_weights else {},
        weight_limits=weight_limits(plan.agent, params) if limits is None else limits,
        teacher_params=teacher_params,
        teacher_recurrent=tuple(teacher.agent.initial_state(num_agents) for teacher in plan.teachers),
        episodes=zero_episodes(plan.num_envs, plan.agents_per_env, stat_shape),
        curriculum=curriculum,
        key=run_key,
        agent_step=StepCounter.create(0),
        epoch=jnp.zeros((), jnp.int32),
        rollout_count=jnp.zeros((), jnp.int32),
        num_skipped_steps=jnp.zeros((), jnp.int32),
    )


def _loss_parts(plan: TrainingPlan, params: Params, experience: Experience) -> tuple[str, ...]:
    """Names of what `plan.loss_fn` reports; it is traced for them, not run."""

    def parts(params: Params, batch: Experience) -> dict[str, jax.Array]:
        rows = jnp.arange(plan.layout.rows_per_minibatch, dtype=jnp.int32)
        weights = jnp.ones((rows.size, 1), jnp.float32)
        minibatch = take_minibatch(batch, batch.value, rows, weights, dropout_key(plan, jax.random.key(0)))
        reference = layer_weights(plan.agent, params) if plan.uses_reference_weights else {}
        return plan.loss_fn(plan, params, minibatch, reference=reference, agent_step=StepCounter.create()).parts

    shapes = jax.eval_shape(parts, params, experience)
    check_numbers(shapes)
    return tuple(shapes)


def empty_experience(plan: TrainingPlan, observation: jax.Array, recurrent: Recurrent) -> Experience:
    return create_experience(
        plan.layout,
        observation,
        recurrent,
        num_flat_actions=plan.agent.num_flat_actions,
        num_teachers=len(plan.teachers),
    )
