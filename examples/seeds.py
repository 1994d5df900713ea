"""A sweep over seeds: several runs as one compiled program, every array with a leading axis of runs."""

from __future__ import annotations

import jax
import numpy as np

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, init_population, population_step


def main(num_runs: int = 4, num_envs: int = 4, horizon: int = 32, num_updates: int = 10) -> np.ndarray:
    env = Environment("forage", num_envs=num_envs)
    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=horizon)
    training = TrainingComponents.create(env, Agent(env, "fast"), config)

    population = init_population(training, jax.random.split(jax.random.key(0), num_runs))
    step_fn = population_step(training)
    for update in range(num_updates):
        population, metrics = step_fn(population)  # metrics are [num_runs] each
        rewards = np.asarray(metrics["experience/rewards"])
        print(f"update {update}: reward a step {rewards.mean():.5f} +- {rewards.std():.5f} over {num_runs} seeds")
    return rewards


if __name__ == "__main__":
    main()
