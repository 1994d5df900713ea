"""Kickstarting: a student with another network learns from a trained policy first, and on its own afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from metta_jax.api import (
    Agent,
    Environment,
    KickstartConfig,
    PolicyStore,
    TrainerConfig,
    TrainingComponents,
    save_checkpoint,
)


def main(
    directory: str = "out/kickstart", num_envs: int = 16, horizon: int = 64, num_updates: int = 10
) -> tuple[float, float]:
    env = Environment("forage", num_envs=num_envs)
    batch_size = num_envs * env.num_agents * horizon
    sizes: dict[str, Any] = {"batch_size": batch_size, "minibatch_size": batch_size // 4, "bptt_horizon": horizon}

    # A teacher: any stored policy. This one has learned next to nothing, but the student will agree with it.
    store = PolicyStore(Path(directory) / "teacher")
    teacher = Agent(env, "fast")
    training = TrainingComponents.create(env, teacher, TrainerConfig(**sizes))
    state, _ = training.train_step(training.init(jax.random.key(0)))
    record = save_checkpoint(teacher, store, epoch=1, params=state.params)

    # The student. For `kickstart_steps` agent steps the teacher plays along; then its weight goes to 0.
    config = TrainerConfig(
        **sizes,
        kickstart=KickstartConfig(
            teacher_uri=record.uri, kickstart_steps=num_updates * batch_size, anneal_ratio=0.5, action_loss_coef=1.0
        ),
    )
    student = Agent(env, "latent_attn_tiny")
    training = TrainingComponents.create(env, student, config, store)
    state = training.init(jax.random.key(1))
    distances = []
    for _ in range(num_updates):
        state, metrics = training.train_step(state)
        distances.append(float(metrics["losses/ks_action_loss"]))
        print(f"{int(state.agent_step):,} agent steps, distance to the teacher {distances[-1]:.4f}")
    return distances[0], distances[-1]


if __name__ == "__main__":
    main()
