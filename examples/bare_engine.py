"""The engine alone: a batch of games under random actions, as two pure functions inside one compiled program."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.api import Environment


def main(world: str = "default", num_envs: int = 64, num_steps: int = 500) -> float:
    env = Environment(world, num_envs=num_envs, stats="none")
    max_args = jnp.asarray(env.max_action_args, jnp.int32)  # the largest argument of each action

    @jax.jit
    def play(params: Any, state: Any, key: jax.Array) -> Any:
        def one_step(state: Any, key: jax.Array) -> Any:
            type_key, arg_key = jax.random.split(key)
            shape = (num_envs, env.num_agents)
            action = jax.random.randint(type_key, shape, 0, len(max_args), jnp.int32)
            argument = jax.random.randint(arg_key, shape, 0, max_args[action] + 1, jnp.int32)
            state, timestep = env.step(params, state, jnp.stack([action, argument], axis=-1))
            return state, (timestep.reward, timestep.episode.done)

        return jax.lax.scan(one_step, state, jax.random.split(key, num_steps))

    # Every environment plays its own map and begins its next episode by itself; nothing leaves the device.
    state, timestep = jax.jit(env.reset)(env.params, jax.random.key(0))
    print(f"observations {timestep.observation.shape} {timestep.observation.dtype}, actions {env.action_names}")
    state, _ = jax.block_until_ready(play(env.params, state, jax.random.key(1)))  # compiles

    start = time.perf_counter()
    state, (rewards, done) = jax.block_until_ready(play(env.params, state, jax.random.key(2)))
    rate = num_envs * env.num_agents * num_steps / (time.perf_counter() - start)
    print(f"{rate:,.0f} agent steps/s, {int(jnp.sum(done))} episodes ended, mean reward {float(jnp.mean(rewards)):.2g}")
    return rate


if __name__ == "__main__":
    main()
