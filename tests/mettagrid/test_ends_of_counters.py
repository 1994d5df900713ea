"""Every counter and clock of the engine at its end."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels.converters import COOLING, IDLE, Converter, Recipe, no_counts, run_events, try_start
from metta_jax.config import ConfigError
from metta_jax.mettagrid import MettaGrid, VectorEnv
from metta_jax.mettagrid.stats import StatMeta, Stats, record, record_tokens
from metta_jax.mettagrid.tally import counted
from tests.mettagrid.small_world import MAP, game_config

LAST = 2**31 - 1
NOOP = np.full((2, 2), [2, 0], np.int32)


@cache
def grid(**changes: Any) -> MettaGrid:
    return MettaGrid(game_config(**changes), [MAP])


def at_step(env: MettaGrid, step: int) -> Any:
    state, _ = env.reset(env.params, jax.random.key(0))
    return state.replace(step=jnp.int32(step))


def test_a_limit_beyond_the_clock_is_refused() -> None:
    assert game_config(max_steps=LAST).max_steps == LAST
    with pytest.raises(ConfigError, match=r"max_steps: 2147483648 is not in 0\.\.2147483647"):
        game_config(max_steps=LAST + 1)


def test_first_episodes_of_the_longest_limit_have_lengths_from_its_whole_range() -> None:
    env = VectorEnv(grid(max_steps=LAST), 64, staggered=True)
    limits = np.asarray(env.reset(env.env.params, jax.random.key(0))[0].max_steps)
    assert limits.min() >= 1
    assert limits.max() > 2**30
    assert len(set(limits.tolist())) == 64


def test_staggered_lengths_are_drawn_from_all_of_them() -> None:
    env = VectorEnv(grid(max_steps=3), 64, staggered=True)
    limits = np.asarray(env.reset(env.env.params, jax.random.key(0))[0].max_steps)
    assert set(limits.tolist()) == {1, 2, 3}


def test_an_episode_of_the_longest_limit_ends_with_its_last_step() -> None:
    env = grid(max_steps=LAST)
    state, timestep = env.step(env.params, at_step(env, LAST - 2), NOOP)
    assert not np.asarray(timestep.terminated).any()
    state, timestep = env.step(env.params, state, NOOP)
    assert np.asarray(timestep.terminated).all()
    assert np.asarray(timestep.observation)[0, 0].tolist()[2] == 255  # episode_completion_pct


def test_the_clock_of_an_episode_without_limit_stops_at_its_end() -> None:
    """An idle converter must not be taken for one that is due, nor one whose event lies beyond the end."""
    env = grid(max_steps=0)
    state = at_step(env, LAST - 2)
    assert int(state.converter_due[0]) <= LAST  # the mine is idle or converting
    for expected in (LAST - 1, LAST, LAST, LAST):
        state, timestep = env.step(env.params, state, NOOP)
        assert int(state.step) == expected
        assert not np.asarray(timestep.terminated).any()
    stats = env.episode_stats(env.params, state)
    assert all(np.isfinite(value) for agent in stats["agent"] for value in agent.values())


def recipe(**changes: int) -> Recipe:
    numbers = {"max_output": -1, "ticks": 10, "cooldown": 7} | changes
    none, one = jnp.zeros((1, 0), jnp.int32), jnp.ones((1, 1), jnp.int32)
    return Recipe(none, none, one * 0, one, *(jnp.full((1,), x, jnp.int32) for x in numbers.values()))


@pytest.mark.parametrize("phase", [IDLE, COOLING])
@pytest.mark.parametrize("clock", [LAST - 1, LAST])
def test_converters_at_the_end_of_the_clock(clock: int, phase: int) -> None:
    now = jnp.full((1,), clock, jnp.int32)
    idle = Converter(jnp.zeros((1, 1), jnp.int32), jnp.full((1,), phase, jnp.int32), jnp.full((1,), LAST, jnp.int32))
    after, counts = run_events(idle, recipe(), no_counts((1,)), now)
    # What is cooling is due at the last step, not before; what is idle never.
    assert int(counts.cooled[0]) == int(phase == COOLING and clock == LAST)
    assert int(counts.completed[0]) == 0
    started, counts = try_start(after._replace(phase=now * 0), recipe(), no_counts((1,)), now, now > 0)
    assert int(counts.started[0]) == 1
    _, counts = run_events(started, recipe(), no_counts((1,)), now)
    assert int(counts.completed[0]) == 0  # ten steps on, beyond the end


def test_updates_of_statistics_stop_at_their_end() -> None:
    last = jnp.full((1, 1, 3), LAST - 1, jnp.int32)
    meta = StatMeta(updates=last, first_step=last * 0, last_step=last, first_value=jnp.ones((1, 1, 3), jnp.float32))
    stats = Stats(jnp.full((1, 1, 3), 2.0**31, jnp.float32), meta)
    step = jnp.full((1,), LAST, jnp.int32)
    added = record(stats, step, counted(jnp.full((1, 1, 3), 2, jnp.int32), "full"))
    assert added is not None
    assert added.meta is not None
    np.testing.assert_array_equal(added.meta.updates, LAST)
    np.testing.assert_array_equal(added.meta.last_step, LAST)
    assert np.asarray(added.value > 0).all()
    tokens = record_tokens(stats, jnp.full((1, 5), 7, jnp.int32), 24, step)
    assert tokens is not None
    assert tokens.meta is not None
    np.testing.assert_array_equal(tokens.meta.updates, LAST)


def test_a_frozen_agent_counts_down_from_the_longest_freeze() -> None:
    env = grid(max_steps=0)
    state = at_step(env, 0).replace(frozen=jnp.asarray([255, 0], jnp.int32))
    for _ in range(255):
        state, timestep = env.step(env.params, state, NOOP)
        assert not bool(timestep.action_success[0])
    _, timestep = env.step(env.params, state, NOOP)
    assert bool(timestep.action_success[0])
