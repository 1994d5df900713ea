"""The gradient of a minibatch in chunks of its rows: the same numbers, in less memory."""

from __future__ import annotations

import dataclasses
import functools
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.rl import Teacher, TrainingComponents, minibatch_loss
from metta_jax.rl.acting import policy_value
from metta_jax.rl.batch_layout import num_equal_chunks
from metta_jax.rl.make_plan import _check_teachers
from metta_jax.rl.memory import memory_needs
from metta_jax.worlds.environment import Environment
from tests.parallel.runs import assert_close
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import VARIANTS, config, variant


class MixingAgent(ProbeAgent):
    """A network that looks at other rows."""

    mixes_rows = True


def _chunked(training: TrainingComponents, num_rows: int) -> TrainingComponents:
    return training.with_plan(layout=dataclasses.replace(training.plan.layout, rows_per_chunk=num_rows))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "default" else pytest.mark.slow) for name in VARIANTS]
)
def test_the_gradient_of_a_minibatch(name: str) -> None:
    """Losses, gradients, values and ratios of one minibatch after an update, when ratios are not one any more."""
    training = variant(name)
    state, batch = training.rollout(training.init(jax.random.key(0)))
    state, _ = training.update(state, batch)
    state = training.reset_training_state(state)
    advantages = training.compute_advantages(batch)
    state, key = training.split_key(state)
    minibatch = training.sample_minibatch(key, batch, advantages, training.anneal_beta(state))
    expected, loss = training.train_minibatch(state, minibatch)
    for num_rows in (1, 2):
        actual, chunked_loss = _chunked(training, num_rows).train_minibatch(state, minibatch)
        assert_close((actual.grads, actual.losses, chunked_loss), (expected.grads, expected.losses, loss))
    assert np.abs(np.asarray(loss.ratio) - 1).max() > 1e-6


def test_whole_updates() -> None:
    settings = config(prioritized_experience_replay={"prio_alpha": 0.7}, update_epochs=2)
    env, agent = ProbeEnv(num_envs=4), ProbeAgent()
    whole = TrainingComponents.create(env, agent, settings)
    chunked = TrainingComponents.create(env, agent, settings.replace(gradient_chunk_size=8))
    assert num_equal_chunks(chunked.plan.layout.rows_per_minibatch, chunked.plan.layout.rows_per_chunk) == 4
    states = [training.init(jax.random.key(0)) for training in (whole, chunked)]
    for _ in range(3):
        (states[0], expected), (states[1], metrics) = whole.train_step(states[0]), chunked.train_step(states[1])
    assert_close(states[1], states[0])
    assert_close(metrics, expected)


def test_the_number_of_chunks() -> None:
    assert [num_equal_chunks(rows, None) for rows in (1, 12)] == [1, 1]
    assert [num_equal_chunks(rows, 4) for rows in (1, 4, 12, 6, 7)] == [1, 1, 3, 2, 7]


def test_values_of_last_observations_come_in_chunks_too() -> None:
    """At the end of a rollout and of truncated episodes: in one piece they would take the memory that is saved."""
    sizes: list[int] = []

    def apply(
        params: jax.Array, observation: jax.Array, recurrent: Any, *, key: jax.Array, reset: jax.Array | None
    ) -> tuple[Any, Any]:
        del key
        sizes.append(len(observation))
        value = params * observation[:, 0, 0] + 100.0 * recurrent[0][0, :, 0]
        return SimpleNamespace(value=value[:, None] if reset is None else jnp.where(reset, 0.0, value)[:, None]), None

    observation = jnp.arange(12 * 2 * 3, dtype=jnp.float32).reshape(12, 2, 3)
    recurrent = (jnp.arange(12.0).reshape(1, 12, 1), jnp.zeros((1, 12, 1)))
    agent = SimpleNamespace(apply=apply)
    for reset in (None, jnp.arange(12) % 3 == 0):
        found = []
        for chunk in (None, 5):
            plan: Any = SimpleNamespace(agent=agent, layout=SimpleNamespace(acting_chunk=chunk))
            found.append(policy_value(plan, jnp.float32(0.5), observation, recurrent, jax.random.key(0), reset))
        np.testing.assert_array_equal(found[1], found[0])
    assert set(sizes) == {12, 4}


@dataclasses.dataclass(frozen=True, eq=False)
class CountedAgent(ProbeAgent):
    """Writes down how many agents act at a time."""

    sizes: list[int] = dataclasses.field(default_factory=list)

    def apply(self, params: Any, observation: jax.Array, *args: Any, **options: Any) -> Any:
        self.sizes.append(len(observation))
        return super().apply(params, observation, *args, **options)


@pytest.mark.parametrize("reset_at_episode_end", [False, True])
def test_teachers_act_in_chunks_too(reset_at_episode_end: bool) -> None:
    """In one piece, a large teacher would take the memory that is saved."""
    settings = config(recurrence={"reset_at_episode_end": reset_at_episode_end}, kickstart={"kickstart_steps": 100})
    batches = []
    for size in (None, 5):  # 8 agents: two chunks of four
        teachers = [CountedAgent(), CountedAgent(hidden=8)]
        pairs = [(teacher, teacher.init(jax.random.key(seed))) for seed, teacher in enumerate(teachers)]
        training = TrainingComponents.create(ProbeEnv(game="memory"), ProbeAgent(), settings, teachers=pairs)
        layout = dataclasses.replace(training.plan.layout, acting_chunk=size)
        for teacher in teachers:
            teacher.sizes.clear()
        training = training.with_plan(layout=layout)
        state, batch = training.rollout(training.init(jax.random.key(0)))
        assert [set(teacher.sizes) for teacher in teachers] == [{8 if size is None else 4}] * 2
        batches.append((batch, state.teacher_recurrent))
    assert np.abs(np.asarray(batches[0][0].teacher_values[1])).max() > 0
    assert_close(batches[1], batches[0])
    np.testing.assert_array_equal(batches[1][0].action, batches[0][0].action)
    with pytest.raises(ValueError, match=r"^acting_chunk_size: the teacher 'teachers\[0\]' mixes rows"):
        _check_teachers(training.plan.layout, [Teacher(MixingAgent(), {}, name="teachers[0]")])


@pytest.mark.slow
def test_agents_act_in_chunks() -> None:
    """A rollout whose network runs on some agents at a time: the same actions, and so the same games."""
    env = Environment("forage", num_envs=3, num_maps=1)
    agent = Agent(env, "fast")
    settings = TrainerConfig(batch_size=192, minibatch_size=192, bptt_horizon=16, kickstart={"kickstart_steps": 1000})
    batches = []
    for size in (None, 5):  # 12 agents: three chunks of four
        training = TrainingComponents.create(
            env, agent, settings.replace(acting_chunk_size=size), teachers=[(agent, agent.init(jax.random.key(1)))]
        )
        state, batch = training.rollout(training.init(jax.random.key(0)))
        state, batch = training.rollout(state)
        batches.append((batch, state.env_state, state.recurrent, state.teacher_recurrent))
    assert_close(batches[1], batches[0])
    np.testing.assert_array_equal(batches[1][0].action, batches[0][0].action)


def test_what_looks_at_all_rows_is_refused() -> None:
    settings = config(gradient_chunk_size=8)
    own = functools.partial(minibatch_loss)
    with pytest.raises(ValueError, match="gradient_chunk_size: .* your loss_fn may look at all rows"):
        TrainingComponents.create(ProbeEnv(), ProbeAgent(), settings, loss_fn=own)
    with pytest.raises(ValueError, match="acting_chunk_size: needs an Agent"):
        TrainingComponents.create(ProbeEnv(), ProbeAgent(), config(acting_chunk_size=4))
    with pytest.raises(ValueError, match=r"gradient_chunk_size: .*\(BatchNorm\)"):
        TrainingComponents.create(ProbeEnv(), MixingAgent(), settings)


@pytest.mark.slow
def test_memory_follows_the_chunk() -> None:
    """Temporary memory of an update of a real agent, as the compiler reports it."""
    env = Environment("forage", num_envs=8, num_maps=1)
    agent = Agent(env, "fast")
    settings = TrainerConfig(batch_size=1024, minibatch_size=1024, bptt_horizon=16)
    needs = [
        memory_needs(TrainingComponents.create(env, agent, settings.replace(gradient_chunk_size=size)))
        for size in (None, 128)
    ]
    assert needs[1].minibatch_step < needs[0].minibatch_step / 3
