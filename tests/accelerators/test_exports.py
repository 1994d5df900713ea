"""Every program of the product lowers for every platform, without custom calls that only one of them has."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import export

from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.rl import TrainingComponents
from metta_jax.rl.programs import ACTING_FIELDS
from metta_jax.worlds.environment import Environment

PLATFORMS = ("cuda", "rocm", "tpu", "cpu")
# Initial parameters are orthogonal matrices: a factorization, which each platform takes from its library.
FACTORIZATION = re.compile(r"(cusolver|hipsolver|lapack)_\w+|Qr|ProductOfElementaryHouseholderReflectors")


def custom_calls(fn: Any, *args: Any) -> set[str]:
    return set(re.findall(r"custom_call @([\w.]+)", export.export(fn, platforms=PLATFORMS)(*args).mlir_module()))


@pytest.fixture(scope="module", params=["wide", "narrow"])
def programs(request: pytest.FixtureRequest) -> tuple[Environment, TrainingComponents, Any]:
    env = Environment("arena/basic", num_envs=4, num_maps=2, engine_path=request.param)
    batch = 4 * env.num_agents * 16
    config = TrainerConfig(batch_size=batch, minibatch_size=batch // 4, bptt_horizon=16)
    training = TrainingComponents.create(env, Agent(env, "fast"), config)
    return env, training, jax.eval_shape(training.init, jax.eval_shape(lambda: jax.random.key(0)))


def test_a_step(programs: Any) -> None:
    env, _, state = programs
    actions = jax.ShapeDtypeStruct((env.num_envs, env.num_agents, 2), jnp.int32)
    fn = jax.jit(lambda params, state, actions: env.step(params, state, actions))
    assert custom_calls(fn, env.params, state.env_state, actions) == set()


@pytest.mark.parametrize("name", ["rollout", "update", pytest.param("train_step", marks=pytest.mark.slow)])
def test_a_part_of_training(programs: Any, name: str) -> None:
    env, training, state = programs
    args = {
        "rollout": (env.params, state.replace(experience=None)),
        "update": (state.replace(**dict.fromkeys(ACTING_FIELDS)), state.experience),
        "train_step": (env.params, state),
    }
    assert custom_calls(getattr(training.programs, name), training.hyperparameters, *args[name]) == set()


def test_the_initial_state(programs: Any) -> None:
    env, training, _ = programs
    key = jax.eval_shape(lambda: jax.random.key(0))
    found = custom_calls(training.programs.init, training.hyperparameters, env.params, (), key, None)
    assert found
    assert all(FACTORIZATION.fullmatch(name) for name in found)
