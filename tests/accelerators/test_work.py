"""What the wide path asks of an accelerator, counted without one: nothing may grow with environments or agents.

A turn of a loop is at least one kernel, and kernels follow one another: see `benchmarks/program_work.py`.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.program_work import Work, count_work
from benchmarks.rounds import LOOPS, measure_rounds
from benchmarks.stepper_cases import CASES, game_of, make_map
from metta_jax.agent import Agent
from metta_jax.config import GameConfig, TrainerConfig
from metta_jax.mettagrid import MettaGrid, VectorEnv
from metta_jax.rl import TrainingComponents
from metta_jax.rl.programs import ACTING_FIELDS
from metta_jax.worlds.environment import Environment

SIZES = (64, 1024, 8192)
# Adding up what a group shares keeps the order of the agents: 24 terms, 8 in a turn.
MOST_TURNS = 3
# Rows that may be equal: what stands where movers met, of which all know the same, and the numbers of those that are
# done in `jnp.nonzero`, a sum that every platform has.
SCATTERS_OF_EQUAL_ROWS = {"scatter": 1, "scatter-add": 1}


def work_of_a_step(env: Any) -> Work:
    state, _ = jax.eval_shape(env.reset, env.params, jax.eval_shape(lambda: jax.random.key(0)))
    actions = jax.ShapeDtypeStruct((env.num_envs, env.num_agents, 2), jnp.int32)
    return count_work(env.step, env.params, state, actions)


@cache
def environment(num_envs: int) -> Environment:
    return Environment("arena/basic", num_envs=num_envs, num_maps=2, engine_path="wide")


def test_a_step_is_the_same_for_any_number_of_environments() -> None:
    first, *others = [work_of_a_step(environment(n)) for n in SIZES]
    assert first.turns == MOST_TURNS
    assert first.open_loops == len(LOOPS)
    assert first.equations < 5_500
    equal_rows = Counter({kind: n for kind, n in first.scatters.items() if "unique" not in kind})
    assert equal_rows == SCATTERS_OF_EQUAL_ROWS
    for other in others:
        assert (other.equations, other.turns, other.open_loops) == (first.equations, first.turns, first.open_loops)
        assert other.scatters == first.scatters


@pytest.mark.parametrize(
    ("num_agents", "window", "num_tokens"), [(1, 3, 1), (1, 11, 200), (8, 15, 400), (256, 3, 200), (256, 15, 400)]
)
def test_a_step_is_as_short_for_any_agents_and_windows(num_agents: int, window: int, num_tokens: int) -> None:
    case = CASES["arena24"]._replace(num_agents=num_agents, num_walls=0)
    sizes = {"obs_width": window, "obs_height": window, "num_observation_tokens": num_tokens}
    config = GameConfig.model_validate(game_of(case) | sizes)
    grid = MettaGrid(config, [make_map(case, np.random.default_rng(0))], "totals", engine_path="wide")
    vector = VectorEnv(grid, 32)
    state, _ = jax.eval_shape(vector.reset, grid.params, jax.eval_shape(lambda: jax.random.key(0)))
    actions = jax.ShapeDtypeStruct((32, num_agents, 2), jnp.int32)
    work = count_work(vector.step, grid.params, state, actions)
    assert work.turns == (0 if num_agents == 1 else -(-num_agents // 8))  # the sum of what a group shares
    assert work.open_loops == len(LOOPS)
    assert work.equations < 5_000 + 200 * work.turns


@cache
def training_work(num_envs: int) -> dict[str, Work]:
    """Of the programs of training, with 16 slots and 4 minibatches."""
    env = environment(num_envs)
    batch = num_envs * env.num_agents * 16
    config = TrainerConfig(batch_size=batch, minibatch_size=batch // 4, bptt_horizon=16)
    training = TrainingComponents.create(env, Agent(env, "fast"), config)
    state = jax.eval_shape(training.init, jax.eval_shape(lambda: jax.random.key(0)))
    programs, numbers = training.programs, training.hyperparameters
    return {
        "rollout": count_work(programs.rollout, numbers, env.params, state.replace(experience=None)),
        "update": count_work(programs.update, numbers, state.replace(**dict.fromkeys(ACTING_FIELDS)), state.experience),
    }


@pytest.mark.parametrize("name", ["rollout", "update"])
def test_training_is_the_same_for_any_number_of_environments(name: str) -> None:
    first, *others = [training_work(n)[name] for n in SIZES]
    # 16 slots of a rollout; 4 minibatches, in which a layer of the LSTM takes 2 turns of 8 steps each way.
    most = {"rollout": 16 * (1 + MOST_TURNS), "update": 4 * (1 + 2 * 2 * 2 + 1) + 2}
    assert first.turns <= most[name]
    for other in others:
        assert (other.equations, other.turns, other.open_loops) == (first.equations, first.turns, first.open_loops)
        assert other.scatters == first.scatters


def test_few_rounds_a_step() -> None:
    """As many as the longest chain of agents that meet, in all environments; 24 agents would need up to 24."""
    rounds = measure_rounds(environment(SIZES[0]), num_steps=60, warm_up=20)
    assert 1.0 < rounds["attacks"] < 2.5
    assert 0.5 < rounds["trades"] < 1.5
    assert rounds["moves"] < 0.5
