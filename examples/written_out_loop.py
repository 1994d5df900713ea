"""One update in single steps, each a pure function: the place to change how training works.

`training.rollout` and `training.update` are exactly these lines, bit for bit.
"""

from __future__ import annotations

import jax

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, unpack_infos


def main(num_envs: int = 16, horizon: int = 64, num_updates: int = 10) -> float:
    env = Environment("forage", num_envs=num_envs)
    agent = Agent(env, "fast")
    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=horizon)
    training = TrainingComponents.create(env, agent, config)
    state = training.init(jax.random.key(0))

    for _ in range(num_updates):
        # Act until the buffer is full. An info holds the episodes that ended in its step.
        infos = []
        state = training.reset_for_rollout(state)
        while not training.is_ready_for_training(state):
            state, info = training.rollout_step(state)
            infos += unpack_infos(info)
        stats = training.accumulate_stats({}, infos)

        # Learn from it.
        state = training.reset_training_state(state)
        batch = state.experience
        advantages = training.compute_advantages(batch)
        beta = training.anneal_beta(state)
        for _ in range(config.update_epochs):
            for _ in range(training.num_minibatches):
                state, key = training.split_key(state)
                minibatch = training.sample_minibatch(key, batch, advantages, beta)
                state, loss = training.train_minibatch(state, minibatch)
                state = training.optimize_step(state, training.accumulate_minibatches)
            state = training.finish_epoch(state)
            if training.exceeds_target_kl(state):
                break
        state = training.finish_update(state, batch, advantages)

        metrics = training.metrics(state, batch)
        print(
            f"{int(state.agent_step):,} agent steps, {len(infos)} episodes ended, {len(stats)} statistics, "
            f"policy loss {float(metrics['losses/policy_loss']):.4f}, last loss {float(loss.total):.4f}"
        )
    return float(metrics["losses/entropy"])


if __name__ == "__main__":
    main()
