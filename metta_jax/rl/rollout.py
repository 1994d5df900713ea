"""Acting in all environments and recording what happens.

One step: the policy acts on the last observation, the slot is written, the environments step. N environments of A
agents each, N * A of them in all.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from grid_kernels.compiled import compiled
from metta_jax.core.pytree import PyTree
from metta_jax.rl.acting import act, follow, policy_value
from metta_jax.rl.apart import run_apart
from metta_jax.rl.experience import write_rows, write_slot
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import EpisodeTotals, Experience, Recurrent, TrainState

# Fields that a rollout reads but never changes; they stay outside its loop.
CONSTANT_FIELDS = (
    "params",
    "opt_state",
    "grads",
    "l2_init",
    "weight_limits",
    "teacher_params",
    "losses",
    "gradient_stats",
)


def reset_for_rollout(plan: TrainingPlan, state: TrainState) -> TrainState:
    """Write from the first slot again and count episodes from zero; environments and recurrent states continue."""
    # The ratio is the one field that no slot writes.
    if plan.curriculum is not None:
        state = state.replace(curriculum=plan.curriculum.begin_rollout(state.curriculum))
    return state.replace(
        experience=state.experience.replace(ratio=jnp.ones_like(state.experience.ratio)),
        position=jnp.zeros((), jnp.int32),
        episodes=jax.tree.map(jnp.zeros_like, state.episodes),
    )


@compiled
def perform_rollout_step(
    plan: TrainingPlan, env_params: PyTree, state: TrainState
) -> tuple[TrainState, dict[str, jax.Array]]:
    """One policy step in all environments; stores one slot and adds N * A to `agent_step`.

    Returns:
      state; info: done bool [N], episode_return float32 [N, A], episode_length int32 [N] of the episodes that
      ended in this step; with a curriculum also task int32 [N], their numbers.
    """
    constants = _constants(state)
    curriculum, state = state.curriculum, _with_copies(plan, state)
    carry = without_constants(state)
    carry = jax.lax.cond(carry.position % plan.layout.horizon == 0, lambda c: begin_round(plan, c), lambda c: c, carry)

    def slot(_: jax.Array, loop: tuple[TrainState, Any]) -> tuple[TrainState, Any]:
        stepped, info = rollout_slot(plan, env_params, loop[0].replace(**constants))
        return without_constants(stepped), info

    carry, info = run_apart(plan.keeps_bits, carry.position, slot, (carry, _no_info(plan)))

    def finish(carry: TrainState) -> TrainState:
        return without_constants(finish_rollout(plan, carry.replace(**constants)))

    carry = jax.lax.cond(carry.position == plan.layout.num_slots, finish, lambda c: c, carry)
    if plan.copies is not None:
        episodes = jax.tree.map(lambda array: array[None], _learned_from(info))
        carry = carry.replace(curriculum=plan.copies.merge(curriculum, *episodes))
    return carry.replace(**constants), info


def perform_rollout(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> TrainState:
    """All steps of a rollout in one scan: the same as `reset_for_rollout` and then every `perform_rollout_step`."""
    state = reset_for_rollout(plan, state)
    constants = _constants(state)
    curriculum, state = state.curriculum, _with_copies(plan, state)

    def slot(carry: TrainState, _: Any) -> tuple[TrainState, Any]:
        stepped, info = rollout_slot(plan, env_params, carry.replace(**constants))
        return without_constants(stepped), None if plan.copies is None else _learned_from(info)

    def one_round(carry: TrainState, _: Any) -> tuple[TrainState, Any]:
        return jax.lax.scan(slot, begin_round(plan, carry), None, length=plan.layout.horizon)

    carry, episodes = jax.lax.scan(one_round, without_constants(state), None, length=plan.layout.num_rounds)
    if plan.copies is not None:
        episodes = jax.tree.map(lambda array: array.reshape(-1, plan.num_envs), episodes)
        carry = carry.replace(curriculum=plan.copies.merge(curriculum, *episodes))
    return finish_rollout(plan, carry.replace(**constants))


def without_constants(state: TrainState) -> TrainState:
    """The state without its constant fields, to be a loop's carry."""
    return state.replace(**dict.fromkeys(CONSTANT_FIELDS))


def begin_round(plan: TrainingPlan, state: TrainState) -> TrainState:
    """Store the recurrent state before the first slot of the rows that this round will write."""
    row_round = state.position // plan.layout.horizon
    initial = (jnp.swapaxes(state.recurrent[0], 0, 1), jnp.swapaxes(state.recurrent[1], 0, 1))
    return state.replace(experience=write_rows(state.experience, plan.layout, row_round, {"initial_state": initial}))


def rollout_slot(plan: TrainingPlan, env_params: PyTree, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
    """Act, write the slot, step the environments. Does not store initial states or the slot after the last."""
    key, action_key = jax.random.split(state.key)
    reset = episode_ended(plan, state.done, state.truncated)
    output, recurrent = act(plan, state.params, state.observation, state.recurrent, action_key, reset)
    teacher_recurrent, teacher_log_probs, teacher_values = _teacher_step(plan, state, action_key, reset)
    slot = {
        "observation": state.observation,
        "action": output.action,
        "logprob": output.logprob,
        "value": output.value[:, 0],
        "reward": state.reward,
        "done": state.done,
        "truncated": state.truncated,
        "final_value": state.final_value,
        "teacher_log_probs": teacher_log_probs,
        "teacher_values": teacher_values,
    }
    experience = write_slot(state.experience, plan.layout, state.position, slot)
    # Every slot is also the one that follows its predecessor; what is written at the end of a round stays.
    experience = _write_next(plan, experience, jnp.maximum(state.position - 1, 0), state, output.value[:, 0])

    episodes, before = state.episodes, state.env_state
    state, timestep = _step(plan, env_params, state, _per_env(plan, output.action))
    state = state.replace(recurrent=recurrent, teacher_recurrent=teacher_recurrent, key=key)
    state = state.replace(
        experience=experience,
        reward=_flat(timestep.reward).astype(jnp.float32),
        done=_flat(timestep.terminated).astype(jnp.float32),
        truncated=_flat(timestep.truncated).astype(jnp.float32),
        final_value=_final_value(plan, state, timestep, action_key),
        episodes=_count_episodes(episodes, timestep.episode, before, plan.env.step_limits(env_params, before)),
        agent_step=state.agent_step.add(plan.layout.num_agents),
        position=state.position + 1,
    )
    info = {
        "done": timestep.episode.done,
        "episode_return": timestep.episode.episode_return,
        "episode_length": timestep.episode.episode_length,
    }
    if plan.curriculum is not None:
        info["task"] = timestep.episode.task
    return state, info


def finish_rollout(plan: TrainingPlan, state: TrainState) -> TrainState:
    """Write what follows the last slot of the last round: its reward and flags, and the value of its observation.

    The next rollout acts on this observation again, then with new parameters, so its value is computed twice.
    """
    value = jnp.zeros_like(state.reward)
    if plan.options.advantage.bootstrap_last:
        reset = episode_ended(plan, state.done, state.truncated)
        value = policy_value(plan, state.params, state.observation, state.recurrent, state.key, reset)
    return state.replace(experience=_write_next(plan, state.experience, state.position - 1, state, value))


def final_value(
    plan: TrainingPlan, params: PyTree, key: jax.Array, observation: jax.Array, cut: jax.Array, recurrent: Recurrent
) -> jax.Array:
    """See `FinalValueFn`. The episode is bootstrapped from its last observation, with its recurrent state."""

    def evaluate() -> jax.Array:
        return jnp.where(cut, policy_value(plan, params, observation, recurrent, key, None), 0.0)

    # A branch, not a select: a step in which nothing is truncated costs no forward pass.
    return jax.lax.cond(jnp.any(cut), evaluate, lambda: jnp.zeros(cut.shape, jnp.float32))


def episode_ended(plan: TrainingPlan, done: jax.Array, truncated: jax.Array) -> jax.Array | None:
    """Where the recurrent state is zeroed before a slot, bool like `done`; None if it never is."""
    if not plan.options.recurrence.reset_at_episode_end:
        return None
    return jnp.maximum(done, truncated) > 0.0


def _step(plan: TrainingPlan, env_params: PyTree, state: TrainState, actions: jax.Array) -> tuple[TrainState, Any]:
    """Step the environments; a curriculum learns from the episodes that end and chooses the next tasks."""
    if plan.curriculum is None:
        env_state, timestep = plan.env.step(env_params, state.env_state, actions)
        return state.replace(env_state=env_state), timestep
    env_state = state.env_state.replace(curriculum=state.curriculum)
    env_state, timestep = plan.env.step(env_params, env_state, actions)
    curriculum, env_state = env_state.curriculum, env_state.replace(curriculum=None)
    return state.replace(env_state=env_state, curriculum=curriculum), timestep


def _final_value(plan: TrainingPlan, state: TrainState, timestep: Any, key: jax.Array) -> jax.Array:
    if not plan.values_truncated_episodes:
        return jnp.zeros((plan.layout.num_agents,), jnp.float32)
    cut = _flat(timestep.truncated) & ~_flat(timestep.terminated)
    observation = _flat(timestep.final_observation)
    return plan.final_value_fn(plan, state.params, key, observation, cut, state.recurrent)


def _teacher_step(
    plan: TrainingPlan, state: TrainState, key: jax.Array, reset: jax.Array | None
) -> tuple[tuple[Recurrent, ...], tuple[jax.Array, ...], tuple[jax.Array, ...]]:
    """Recurrent states, log-probabilities [N * A, F] and values [N * A] of the teachers on the last observation."""
    if not plan.teachers:
        return (), (), ()

    def evaluate() -> tuple[Any, Any, Any]:
        results = [
            follow(plan, teacher.agent, params, state.observation, recurrent, key, reset)
            for teacher, params, recurrent in zip(
                plan.teachers, state.teacher_params, state.teacher_recurrent, strict=True
            )
        ]
        recurrent, log_probs, values = zip(*results, strict=True)
        return recurrent, log_probs, values

    def skip() -> tuple[Any, Any, Any]:
        num_agents, num_actions = plan.layout.num_agents, plan.agent.num_flat_actions
        log_probs = tuple(jnp.zeros((num_agents, num_actions), jnp.float32) for _ in plan.teachers)
        return state.teacher_recurrent, log_probs, tuple(jnp.zeros((num_agents,), jnp.float32) for _ in plan.teachers)

    return jax.lax.cond(plan.hyperparameters.kickstarter.active(state.agent_step), evaluate, skip)


def _write_next(
    plan: TrainingPlan, experience: Experience, position: jax.Array, state: TrainState, value: jax.Array
) -> Experience:
    """Write `value` and what came with the last observation as the slot after `position`'s row."""
    following = {
        "next_value": value,
        "next_reward": state.reward,
        "next_done": state.done,
        "next_truncated": state.truncated,
        "next_final_value": state.final_value,
    }
    return write_rows(experience, plan.layout, position // plan.layout.horizon, following)


def _with_copies(plan: TrainingPlan, state: TrainState) -> TrainState:
    """The state with one copy of the curriculum per device, if the plan asks for copies."""
    return state if plan.copies is None else state.replace(curriculum=plan.copies.split(state.curriculum))


def _learned_from(info: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """done, task and score [N] of a step, as `CurriculumCopies.merge` takes them."""
    return info["done"], info["task"], jnp.mean(info["episode_return"], axis=1)


def _no_info(plan: TrainingPlan) -> dict[str, jax.Array]:
    return {
        "done": jnp.zeros((plan.num_envs,), bool),
        "episode_return": jnp.zeros((plan.num_envs, plan.agents_per_env), jnp.float32),
        "episode_length": jnp.zeros((plan.num_envs,), jnp.int32),
        **({} if plan.curriculum is None else {"task": jnp.zeros((plan.num_envs,), jnp.int32)}),
    }


def _count_episodes(totals: EpisodeTotals, episode: Any, before: Any, limits: jax.Array) -> EpisodeTotals:
    """`before`: the state of the environments in the last step of these episodes, which knows the agents' groups.

    `limits`: int32 [N], of a full episode; the first one of an environment may have had less time.
    """
    done, stat_sum = episode.done, totals.stat_sum
    if stat_sum is not None:
        groups = jnp.arange(stat_sum.shape[1], dtype=jnp.int32)
        counts = done[:, None, None] & (before.env.group[:, None] == groups[None, :, None])  # [N, G, A]
        stats = jnp.where(counts[..., None], episode.agent_stats.value[:, None], 0.0)
        stat_sum = stat_sum + jnp.sum(stats, axis=2)
    share = episode.episode_length.astype(jnp.float32) / jnp.maximum(limits, 1).astype(jnp.float32)
    share = jnp.where(limits > 0, share, 1.0)
    return EpisodeTotals(
        count=totals.count + done.astype(jnp.int32),
        return_sum=totals.return_sum + jnp.where(done[:, None], episode.episode_return, 0.0),
        length_sum=totals.length_sum + jnp.where(done, episode.episode_length, 0),
        share_sum=totals.share_sum + jnp.where(done, share, 0.0),
        stat_sum=stat_sum,
    )


def _flat(array: jax.Array) -> jax.Array:
    """[N, A, ...] -> [N * A, ...]"""
    return array.reshape(-1, *array.shape[2:])


def _per_env(plan: TrainingPlan, action: jax.Array) -> jax.Array:
    return action.reshape(plan.num_envs, plan.agents_per_env, *action.shape[1:])


def _constants(state: TrainState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in CONSTANT_FIELDS}
