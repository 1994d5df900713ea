"""The training state before the first rollout."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.rl.experience import create_experience
from metta_jax.rl.parameter_layers import layer_weights, weight_limits
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import (
    Experience,
    StepCounter,
    TrainState,
    no_gradient_stats,
    zero_episodes,
    zero_gradients,
    zero_losses,
)


def init_state(
    plan: TrainingPlan, env_params: Any, teacher_params: tuple[Any, ...], key: jax.Array, params: Any = None
) -> TrainState:
    """The state before the first rollout; `params` None for fresh ones."""
    agent_key, env_key, run_key = jax.random.split(key, 3)
    params = plan.agent.init(agent_key) if params is None else params
    env_state, _ = plan.env.reset(env_params, env_key)
    curriculum: Any = ()
    if plan.curriculum is not None:
        curriculum, env_state = env_state.curriculum, env_state.replace(curriculum=None)
    num_agents = plan.layout.num_agents
    tokens = env_state.observation.shape[2:]
    recurrent = plan.agent.initial_state(num_agents)
    groups = len(plan.stat_names)
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
        experience=empty_experience(plan, env_state.observation.reshape(num_agents, *tokens), recurrent),
        position=jnp.zeros((), jnp.int32),
        losses=zero_losses(),
        gradient_stats=no_gradient_stats(),
        l2_init=layer_weights(plan.agent, params) if plan.uses_reference_weights else {},
        weight_limits=weight_limits(plan.agent, params),
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


def empty_experience(plan: TrainingPlan, observation: jax.Array, recurrent: Any) -> Experience:
    return create_experience(
        plan.layout,
        observation,
        recurrent,
        num_flat_actions=plan.agent.num_flat_actions,
        num_teachers=len(plan.teachers),
    )
