"""A curriculum: three sizes of a world in one compiled batch, chosen by what the agents learn most from."""

from __future__ import annotations

import jax

from metta_jax import worlds
from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, make_curriculum

# Dense rooms first are easier: hearts are near. All tasks share names of actions and features, so one agent plays all.
TASKS = {"small": 10, "middle": 16, "large": 24}


def main(num_envs: int = 16, horizon: int = 64, num_updates: int = 10) -> dict[str, float]:
    known = {name: worlds.get("forage", width=size, height=size) for name, size in TASKS.items()}
    curriculum = make_curriculum({"kind": "learning_progress", "tasks": list(TASKS)}, known=known)
    env = Environment(curriculum, num_envs=num_envs, num_maps=4)
    print(f"tasks {env.task_names}, largest map {env.map_width} x {env.map_height}")

    agent = Agent(env, "fast")
    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=horizon)
    training = TrainingComponents.create(env, agent, config)
    state = training.init(jax.random.key(0))
    for _ in range(num_updates):
        # The curriculum's state is part of the training state: saved with it, sharded with it.
        state, _ = training.train_step(state)
    stats = {name: float(value) for name, value in curriculum.stats(state.curriculum).items()}
    for name, value in stats.items():
        print(f"{name:40} {value:.3f}")
    return stats


if __name__ == "__main__":
    main()
