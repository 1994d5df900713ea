"""A world of your own: rules as a configuration, a map as text or from a generator."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from metta_jax import worlds
from metta_jax.api import EnvConfig, Environment, StateView
from metta_jax.mapgen import FixedMap, RandomRoom, from_text

DRAWING = """\
###########
#@..m.#..a#
#.....#...#
#....n...@#
###########
"""


def main(num_steps: int = 20) -> str:
    # Rules: those of the default world, with richer hearts, short episodes, and no attacks.
    rules = worlds.get("default", num_agents=2).game.replace(
        {
            "max_steps": 100,
            "agent": {"rewards": {"inventory": {"heart": 5}}},
            "actions": {"attack": {"enabled": False}},
        }
    )
    drawn = EnvConfig(game=rules, map_builder=FixedMap(tuple(map(tuple, from_text(DRAWING)))))
    scattered = EnvConfig(
        game=rules,
        map_builder=RandomRoom(width=12, height=8, agents=2, objects={"mine_red": 3, "generator_red": 2, "altar": 1}),
    )
    for config in (drawn, scattered):
        env = Environment(env_config=config, num_envs=2, is_training=False)
        print(f"{env.map_width} x {env.map_height} cells, actions {env.action_names}")
        reset_fn, step_fn = jax.jit(env.reset), jax.jit(env.step)
        state, _ = reset_fn(env.params, jax.random.key(0))
        for step in range(num_steps):
            # The second action, move, alternately forward and backward, for every agent.
            actions = jnp.broadcast_to(jnp.asarray([1, step % 2], jnp.int32), (2, env.num_agents, 2))
            state, _ = step_fn(env.params, state, actions)
        print(StateView(env, state))  # in a notebook a picture
    return str(StateView(env, state))


if __name__ == "__main__":
    main()
