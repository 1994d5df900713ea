"""Population-based training: many runs in one program, where losers continue from copies of winners.

Every member has its own learning rate and entropy coefficient. From time to time, each member of the worst quarter
copies the parameters of a member of the best quarter, and its hyperparameters with small changes. Jaderberg et al.,
"Population Based Training of Neural Networks", 2017.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, init_population, population_step
from metta_jax.parallel import PopulationResults, inherit, member, shard_population, stack_hyperparameters
from metta_jax.rl import Hyperparameters

SEARCHED = {"learning_rate": (1e-4, 1e-2), "ent_coef": (1e-4, 3e-2)}  # each drawn log-uniformly


def first_numbers(training: TrainingComponents, size: int, rng: np.random.Generator) -> Hyperparameters:
    """The hyperparameters of each member: those of the configuration, except for the searched ones."""
    numbers = stack_hyperparameters([training.hyperparameters] * size)
    drawn = {name: low * (high / low) ** rng.uniform(size=size) for name, (low, high) in SEARCHED.items()}
    return numbers.replace(**{name: jnp.asarray(values, jnp.float32) for name, values in drawn.items()})


def evolve(numbers: Hyperparameters, order: list[int], rng: np.random.Generator) -> tuple[Hyperparameters, list[int]]:
    """The next hyperparameters, and the source of each member: one of the best for the worst, itself for the others."""
    size = len(order)
    quarter = max(1, size // 4)
    sources = list(range(size))
    for loser in order[-quarter:]:
        sources[loser] = int(rng.choice(order[:quarter]))
    is_new = np.asarray(sources) != np.arange(size)
    changed = {}
    for name, (low, high) in SEARCHED.items():
        values = np.asarray(getattr(numbers, name))[sources]
        moved = np.clip(values * rng.choice([0.8, 1.25], size), low, high)
        changed[name] = jnp.asarray(np.where(is_new, moved, values), jnp.float32)
    return numbers.replace(**changed), sources


def main(
    size: int = 8, num_envs: int = 8, horizon: int = 32, num_updates: int = 60, interval: int = 15
) -> PopulationResults:
    env = Environment("forage", num_envs=num_envs)
    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(
        batch_size=batch_size,
        minibatch_size=batch_size // 4,
        bptt_horizon=horizon,
        total_timesteps=batch_size * num_updates,
    )
    training = TrainingComponents.create(env, Agent(env, "fast"), config)

    rng = np.random.default_rng(0)
    numbers = first_numbers(training, size, rng)
    population = init_population(training, jax.random.split(jax.random.key(0), size))
    if size % jax.device_count() == 0:
        population = shard_population(population)  # whole members, on all devices
    step = population_step(training, numbers)
    results = PopulationResults([{} for _ in range(size)], window=interval)
    for update in range(1, num_updates + 1):
        population, metrics = step(population, numbers)
        rewards = results.add(metrics, update * batch_size)
        if update % interval == 0:
            best = results.order()[0]
            print(
                f"update {update}: best member {best} with reward {rewards[best]:.3f}, median {np.median(rewards):.3f}"
            )
            if update < num_updates:
                numbers, sources = evolve(numbers, results.order(), rng)
                population = inherit(population, sources)

    results.settings = [{name: float(getattr(numbers, name)[i]) for name in SEARCHED} for i in range(size)]
    print(results.table())
    winner = member(population, results.order()[0])  # a TrainState like any other
    print(f"the winner has made {int(winner.agent_step):,} agent steps itself")
    return results


if __name__ == "__main__":
    print(main().plot("out/population/rewards.png"))
