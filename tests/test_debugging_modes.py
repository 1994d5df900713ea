"""JAX's debugging modes and other random generators: what docs/troubleshooting.md says that works under them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PLAY = """
import jax
import jax.numpy as jnp
import numpy as np
from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents
from metta_jax.mapgen import RandomRoom
from tests.agent.facts import small_config
from tests.mettagrid.small_world import game_config

room = RandomRoom(width=3, height=3, border_width=1, agents=2, objects={"mine": 1})
game = game_config(max_steps=3)
env = Environment(env_config={"game": game, "map_builder": room}, num_envs=2, num_maps=2)
agent = Agent(env, small_config())
params = agent.init(jax.random.key(0))
carry = agent.initial_state(4)
state, timestep = env.reset(env.params, jax.random.key(1))
for turn in range(NUM_STEPS):
    observation = timestep.observation.reshape(4, -1, 3)
    actions, carry = agent.act(params, observation, carry, jax.random.key(turn))
    state, timestep = env.step(env.params, state, actions.reshape(2, 2, 2))
assert timestep.reward.dtype == jnp.float32 and np.isfinite(timestep.reward).all()
assert state.env.step.dtype == jnp.int32
"""

TRAIN = """
config = TrainerConfig(batch_size=16, minibatch_size=8, bptt_horizon=4)
training = TrainingComponents.create(env, agent, config)
state = training.init(jax.random.key(0))
state, metrics = training.update(*training.rollout(state))
state, metrics = training.train_step(state)
assert all(leaf.dtype == jnp.float32 and np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
"""


def run(program: str, **settings: str) -> None:
    env = {**os.environ, **settings, "JAX_PLATFORMS": "cpu", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["JAX_ENABLE_X64", "JAX_CHECK_TRACER_LEAKS"])
def test_rollout_and_update(mode: str) -> None:
    run((PLAY + TRAIN).replace("NUM_STEPS", "5"), **{mode: "1"})


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["rbg", "unsafe_rbg"])
def test_rollout_and_update_with_other_generators(implementation: str) -> None:
    run((PLAY + TRAIN).replace("NUM_STEPS", "5"), JAX_DEFAULT_PRNG_IMPL=implementation)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["JAX_DEBUG_NANS", "JAX_DEBUG_INFS"])
def test_playing(mode: str) -> None:
    run(PLAY.replace("NUM_STEPS", "5"), **{mode: "1"})


@pytest.mark.slow
def test_playing_without_jit() -> None:
    run(PLAY.replace("NUM_STEPS", "1"), JAX_DISABLE_JIT="1")
