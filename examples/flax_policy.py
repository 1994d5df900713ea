"""A network of your own: any Flax module that says a value and features for each observation.

Features get the head of the presets, which knows actions by name, so the policy can play worlds with other actions.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent import ArchitectureOutput
from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents


class DeepSets(nn.Module):
    """Embed every token by itself and add them up: no grid, no memory, few parameters."""

    width: int = 64
    hidden_size: int = 1  # of the recurrent state, of which there are `num_layers` = 0
    num_layers: int = 0

    @nn.compact
    def __call__(self, observation: jax.Array, recurrent: Any, reset: jax.Array) -> tuple[ArchitectureOutput, Any]:
        location, feature, value = (observation[..., i] for i in range(3))  # uint8 [B, T, M] each; 255: no token
        row, column = location >> 4, location & 15
        numbers = jnp.stack([row, column, value], axis=-1).astype(jnp.float32) / 16.0
        token = nn.Embed(256, self.width)(feature.astype(jnp.int32)) + nn.Dense(self.width)(numbers)
        token = nn.Dense(self.width)(nn.relu(token))
        seen = (feature != 255)[..., None]
        features = nn.relu(nn.Dense(self.width)(jnp.sum(jnp.where(seen, token, 0.0), axis=-2) / 8.0))
        return ArchitectureOutput(value=nn.Dense(1)(features), features=features), recurrent


def main(num_envs: int = 16, horizon: int = 64, num_updates: int = 10) -> float:
    env = Environment("forage", num_envs=num_envs)
    agent = Agent(env, DeepSets())
    num_params = sum(leaf.size for leaf in jax.tree.leaves(agent.init(jax.random.key(0))))
    print(f"{num_params:,} parameters")

    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=horizon)
    training = TrainingComponents.create(env, agent, config)
    state = training.init(jax.random.key(0))
    for _ in range(num_updates):
        state, metrics = training.train_step(state)
        entropy = float(metrics["losses/entropy"])
        print(f"{int(state.agent_step):,} agent steps, entropy {entropy:.3f}")
    return entropy


if __name__ == "__main__":
    main()
