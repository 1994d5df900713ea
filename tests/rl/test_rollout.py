from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.mettagrid import BatchEnv
from metta_jax.rl import TrainingComponents, TrainState, unpack_infos
from tests.rl.training import VARIANTS, assert_same, manual_rollout, variant


def _naive_slots(training: TrainingComponents, state: TrainState) -> list[dict[str, np.ndarray]]:
    """What every slot must hold, and one more that follows the last, from a plain loop over the environment."""
    plan, settings = training.plan, training.config
    env, agent = plan.env, plan.agent

    @jax.jit
    def act(observation: jax.Array, recurrent: Any, key: jax.Array, reset: jax.Array) -> Any:
        return agent.apply(state.params, observation, recurrent, key=key, reset=reset)

    step = jax.jit(env.step)
    key, env_state, recurrent = state.key, state.env_state, state.recurrent
    current = {name: getattr(state, name) for name in ("observation", "reward", "done", "truncated", "final_value")}
    slots = []
    for _ in range(plan.layout.num_slots + 1):
        key, action_key = jax.random.split(key)
        ended = jnp.maximum(current["done"], current["truncated"]) > 0
        reset = ended if settings.recurrence.reset_at_episode_end else jnp.zeros_like(ended)
        output, after = act(current["observation"], recurrent, action_key, reset)
        slots.append(
            {name: np.asarray(array) for name, array in current.items()}
            | {name: np.asarray(getattr(output, name)) for name in ("action", "logprob")}
            | {"value": np.asarray(output.value[:, 0]), "h": np.asarray(recurrent[0])}
        )
        recurrent = after
        env_state, timestep = step(env.params, env_state, output.action.reshape(env.num_envs, env.num_agents, 2))
        final = timestep.final_observation.reshape(current["observation"].shape)
        no_reset = jnp.zeros_like(ended)
        at_end, _ = act(final, recurrent, action_key, no_reset)
        truncated = timestep.truncated.reshape(-1)
        use_final = truncated & (settings.advantage.bootstrap_truncated and env.truncates)
        current = {
            "observation": timestep.observation.reshape(current["observation"].shape),
            "reward": timestep.reward.reshape(-1),
            "done": timestep.terminated.reshape(-1).astype(jnp.float32),
            "truncated": truncated.astype(jnp.float32),
            "final_value": jnp.where(use_final, at_end.value[:, 0], 0.0),
        }
    return slots


@pytest.mark.parametrize("name", VARIANTS)
def test_every_slot_holds_what_a_plain_loop_sees(name: str) -> None:
    training = variant(name)
    layout = training.plan.layout
    state, _ = training.rollout(training.init(jax.random.key(3)))  # start in the middle of episodes
    slots = _naive_slots(training, state)
    _, batch = training.rollout(state)

    written_by = {}
    for row_round in range(layout.num_rounds):
        for agent in range(layout.num_agents):
            written_by[(row_round * layout.num_agents + agent) % layout.num_rows] = (row_round, agent)
    assert len(written_by) == layout.num_rows
    fields = ("observation", "action", "logprob", "value", "reward", "done", "truncated", "final_value")
    following = ("reward", "done", "truncated", "final_value")
    for row, (row_round, agent) in written_by.items():
        first = row_round * layout.horizon
        for t in range(layout.horizon):
            for field in fields:
                actual = np.asarray(getattr(batch, field)[row, t])
                np.testing.assert_allclose(actual, slots[first + t][field][agent], rtol=1e-5, atol=1e-6)
        after = slots[first + layout.horizon]
        for field in following:
            actual = np.asarray(getattr(batch, f"next_{field}")[row])
            np.testing.assert_allclose(actual, after[field][agent], rtol=1e-5, atol=1e-6)
        if training.config.advantage.bootstrap_last:
            np.testing.assert_allclose(np.asarray(batch.next_value[row]), after["value"][agent], rtol=1e-5, atol=1e-6)
        initial = np.asarray(batch.initial_state[0][row])
        np.testing.assert_allclose(initial, slots[first]["h"][:, agent], rtol=1e-5, atol=1e-6)
    assert np.asarray(batch.done).any() or np.asarray(batch.truncated).any()


@pytest.mark.parametrize("name", VARIANTS)
def test_rollout_equals_its_steps(name: str) -> None:
    training = variant(name)
    state = training.init(jax.random.key(0))
    for _ in range(2):
        together, batch = training.rollout(state)
        state = manual_rollout(training, state)
        assert_same(together, state)
        assert_same(batch, state.experience)


def test_counters_and_readiness() -> None:
    training = variant("default")
    layout = training.plan.layout
    state = training.init(jax.random.key(0))
    assert not training.is_ready_for_training(state)
    state, _ = training.rollout_step(state)
    assert int(state.agent_step) == layout.num_agents
    assert int(state.position) == 1
    state, _ = training.rollout(state)
    assert int(state.agent_step) == layout.num_agents + layout.steps_per_rollout
    assert training.is_ready_for_training(state)
    assert not training.is_ready_for_training(training.reset_for_rollout(state))


def test_rows_that_wrap_play_more_steps_than_they_keep() -> None:
    layout = variant("original").plan.layout
    assert (layout.num_agents, layout.num_rows, layout.num_rounds) == (6, 16, 3)
    assert layout.steps_per_rollout == 3 * 8 * 6


def test_infos_and_totals_agree() -> None:
    training = variant("default")
    state = training.reset_for_rollout(training.init(jax.random.key(1)))
    infos: list[dict[str, Any]] = []
    while not training.is_ready_for_training(state):
        state, info = training.rollout_step(state)
        infos.extend(unpack_infos(info))
    assert len(infos) == int(state.episodes.count.sum()) == 4 * (16 // 4)
    assert sum(info["episode_length"] for info in infos) == int(state.episodes.length_sum.sum())
    assert sum(sum(info["episode_return"]) for info in infos) == float(state.episodes.return_sum.sum())
    stats = training.accumulate_stats({}, infos)
    assert stats["reward"] == [info["reward"] for info in infos]


def test_final_values_are_left_out_where_nothing_truncates() -> None:
    training = variant("default")
    assert not training.plan.values_truncated_episodes  # the environment says that it never truncates

    class Silent(BatchEnv):
        """Says nothing of it."""

    unknown = dataclasses.replace(training.plan, env=Silent())
    assert unknown.values_truncated_episodes
    assert variant("accumulated").plan.values_truncated_episodes
