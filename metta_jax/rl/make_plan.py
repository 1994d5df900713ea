"""Makes the plan of a run from an environment, an agent and a configuration, and checks all of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import optax

from metta_jax.agent import Agent, Policy, SavedPolicies, SavedPolicy
from metta_jax.config import TrainerConfig
from metta_jax.core.device import Device
from metta_jax.mettagrid import BatchEnv
from metta_jax.mettagrid.engine_path import path_of
from metta_jax.rl.advantage import WIDE_UNROLL, compute_advantage
from metta_jax.rl.arguments import check_functions, check_given
from metta_jax.rl.batch_layout import BatchLayout, create_layout
from metta_jax.rl.check_env import check_env_attributes
from metta_jax.rl.check_policy import check_policy_attributes
from metta_jax.rl.contracts import AdvantageFn, DrawFn, LossFn
from metta_jax.rl.hyperparameters import create_hyperparameters
from metta_jax.rl.kickstart import Teacher, collect_teachers, create_kickstarter
from metta_jax.rl.minibatch import minibatch_loss, process_minibatch_update
from metta_jax.rl.options import create_options
from metta_jax.rl.place import check_agent_device, check_env_device
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.policy_checks import validate_policy_environment_match
from metta_jax.rl.rollout import final_value
from metta_jax.rl.rows import Rows
from metta_jax.rl.sampling import draw_prioritized
from metta_jax.rl.train_state import Params


def make_plan(
    env: BatchEnv,
    agent: Policy,
    config: TrainerConfig,
    policy_store: SavedPolicies | None,
    teachers: Sequence[Teacher | tuple[Policy, Params] | SavedPolicy],
    *,
    accumulate_minibatches: int,
    optimizer: optax.GradientTransformation | None,
    loss_fn: LossFn,
    advantage_fn: AdvantageFn | None,
    draw_fn: DrawFn,
    device: Device | str | None,
) -> TrainingPlan:
    """Make the plan of a run. `TrainingComponents.create` explains the arguments and the errors."""
    check_given(env, agent, config, optimizer, policy_store)
    check_functions(loss_fn=loss_fn, advantage_fn=advantage_fn, draw_fn=draw_fn)
    check_env_attributes(env)
    check_policy_attributes(agent)
    check_env_device(device, env, config.devices)
    batch_size, minibatch_size = _sizes(config)
    layout = create_layout(
        num_agents=env.num_envs * env.num_agents,
        batch_size=batch_size,
        minibatch_size=minibatch_size,
        bptt_horizon=config.bptt_horizon,
        accumulate_minibatches=accumulate_minibatches,
        gradient_chunk_size=config.gradient_chunk_size,
        acting_chunk_size=config.acting_chunk_size,
        row_groups=config.row_groups,
    )
    _check_chunks(layout, agent, loss_fn)
    if config.minibatch_rows == "shuffled" and draw_fn is not draw_prioritized:
        raise ValueError("draw_fn: has nothing to draw with minibatch_rows 'shuffled'; leave one of them out")
    validate_policy_environment_match(agent, env)
    path = path_of(env)
    check_agent_device(agent, env, config.devices)
    all_teachers = collect_teachers(config.kickstart, teachers, agent, env, policy_store)
    _check_teachers(layout, all_teachers)
    return TrainingPlan(
        env=env,
        agent=agent,
        options=create_options(config),
        hyperparameters=create_hyperparameters(
            config, layout.batch_size, create_kickstarter(all_teachers, config.kickstart)
        ),
        layout=layout,
        teachers=all_teachers,
        loss_fn=loss_fn,
        advantage_fn=advantage_fn
        or functools.partial(
            compute_advantage, estimator=config.advantage.estimator, unroll=WIDE_UNROLL if path.is_wide else 1
        ),
        draw_fn=draw_fn,
        gradient_fn=process_minibatch_update,
        final_value_fn=final_value,
        rows=Rows(),
        path=path,
        own_optimizer=optimizer,
    )


def _sizes(config: TrainerConfig) -> tuple[int, int]:
    """Batch and minibatch size, divided by the number of devices if the configuration says so."""
    if not config.scale_batches_by_world_size:
        return config.batch_size, config.minibatch_size
    world_size = jax.device_count()
    return config.batch_size // world_size, config.minibatch_size // world_size


def _check_chunks(layout: BatchLayout, agent: Policy, loss_fn: LossFn) -> None:
    """Check that chunks of rows, and of agents, give the same results as the whole."""
    if layout.rows_per_chunk is not None:
        reason = None
        if loss_fn is not minibatch_loss:
            reason = "your loss_fn may look at all rows"
        elif agent.mixes_rows or agent.uses_dropout:
            reason = "this agent looks at all rows (BatchNorm), or draws random numbers for all of them (Dropout)"
        if reason is not None:
            raise ValueError(f"gradient_chunk_size: needs a loss that is a mean over rows, and {reason}; leave it out")
    if layout.acting_chunk is not None and (not isinstance(agent, Agent) or agent.mixes_rows):
        raise ValueError("acting_chunk_size: needs an Agent that does not mix rows; leave it out")


def _check_teachers(layout: BatchLayout, teachers: Sequence[Teacher]) -> None:
    """Check that teachers can act in chunks of agents."""
    for teacher in teachers:
        if layout.acting_chunk is not None and teacher.agent.mixes_rows:
            raise ValueError(f"acting_chunk_size: the teacher {teacher.name!r} mixes rows (BatchNorm); leave it out")
