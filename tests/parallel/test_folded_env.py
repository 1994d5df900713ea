"""Environments of several runs as one batch play the games that they would play apart."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from metta_jax.parallel.folded_env import fold_env
from metta_jax.worlds.environment import Environment
from tests.parallel.runs import assert_equal
from tests.rl.probes import ProbeEnv

NUM_RUNS, NUM_STEPS = 3, 1000


@pytest.mark.slow
@pytest.mark.parametrize("path", ["narrow", "wide"])
def test_folded_steps_are_the_steps_of_each_run(path: str) -> None:
    env = Environment("forage", num_envs=4, num_maps=2, engine_path=path)
    folded = fold_env(env)
    assert folded is not None
    assert folded.num_agents == env.num_agents

    def play(one: Any, state: Any, key: jax.Array) -> tuple[Any, Any]:
        actions = jax.random.randint(key, (NUM_STEPS, env.num_envs, env.num_agents, 2), 0, 3, jnp.int32)

        def step(state: Any, actions: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
            state, timestep = one.step(env.params, state, actions)
            return state, (timestep.episode.done, timestep.reward)

        return jax.lax.scan(step, state, actions)

    keys = jax.random.split(jax.random.key(0), NUM_RUNS)
    states = [env.reset(env.params, key)[0] for key in keys]
    together = jax.jit(jax.vmap(lambda state, key: play(folded, state, key)))(_stack(states), keys)
    alone = jax.jit(lambda state, key: play(env, state, key))
    assert_equal(together, _stack([alone(state, key) for state, key in zip(states, keys, strict=True)]))
    assert int(together[1][0].sum()) > 5  # some episodes ended, and others began


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def test_what_cannot_be_folded() -> None:
    assert fold_env(ProbeEnv()) is None
