"""A loss, an advantage and a sampler of your own, in place of the built-in ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents
from metta_jax.rl import MinibatchLoss, minibatch_loss


def calm_loss(plan: Any, params: Any, minibatch: Any, **options: Any) -> MinibatchLoss:
    """PPO's loss, and a price for values that are far from those of the rollout."""
    loss = minibatch_loss(plan, params, minibatch, **options)
    distance = jnp.mean((loss.values - minibatch.values) ** 2)
    return loss.replace(total=loss.total + 0.1 * distance, parts=loss.parts | {"value_distance": distance})


def monte_carlo(values: jax.Array, rewards: jax.Array, dones: jax.Array, importance: jax.Array, **options: Any):
    """Discounted sum of the rewards to come minus the value, float32 [S, T]; reward t + 1 belongs to action t."""

    def backward(later: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        reward, done = now
        total = reward + options["gamma"] * (1.0 - done) * later
        return total, total

    next_rewards = jnp.concatenate([rewards[:, 1:], options["next_reward"][:, None]], axis=1)
    next_dones = jnp.concatenate([dones[:, 1:], options["next_done"][:, None]], axis=1)
    _, returns = jax.lax.scan(backward, options["next_value"], (next_rewards.T, next_dones.T), reverse=True)
    return jax.lax.stop_gradient(returns.T - values)


def shuffled(key: jax.Array, advantages: jax.Array, num_rows: int, **options: Any) -> tuple[jax.Array, jax.Array]:
    """Rows drawn evenly, each with weight 1."""
    rows = jax.random.permutation(key, advantages.shape[0])[:num_rows]
    return rows.astype(jnp.int32), jnp.ones((num_rows, 1), jnp.float32)


def main(num_envs: int = 16, horizon: int = 64, num_updates: int = 10) -> float:
    env = Environment("forage", num_envs=num_envs)
    batch_size = num_envs * env.num_agents * horizon
    training = TrainingComponents.create(
        env,
        Agent(env, "fast"),
        TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=horizon),
        loss_fn=calm_loss,
        advantage_fn=monte_carlo,
        draw_fn=shuffled,
    )
    state = training.init(jax.random.key(0))
    for _ in range(num_updates):
        state, metrics = training.train_step(state)
        distance = float(metrics["losses/value_distance"])  # the loss's own part
        print(f"{int(state.agent_step):,} agent steps, value distance {distance:.6f}")
    return distance


if __name__ == "__main__":
    main()
