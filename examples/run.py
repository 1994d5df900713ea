#!/usr/bin/env -S uv run
# /// script
# requires-python = ">=3.11"
# dependencies = ["metta-jax"]
#
# [tool.uv.sources]
# metta-jax = { path = "..", editable = true }
# ///
"""Train agents to forage: four agents, 32 x 32 cells, hearts to find and to make.

`--world default` has the same rules and far less to find: do not expect to see learning there within minutes.

Writes into `--out`: metrics.jsonl (one line an update), learning_curve.png, and trainer_state/ with the whole
training state. `--resume` continues from that checkpoint; what comes out is what an uninterrupted run would have given.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from pathlib import Path
from typing import TypeAlias

import jax

from metta_jax.api import (
    Agent,
    Environment,
    JsonLinesLog,
    OptimizerConfig,
    PPOConfig,
    ProgressLine,
    TrainerConfig,
    TrainingComponents,
    TrainState,
    load_train_state,
    plot_learning_curve,
    read_json_lines,
    save_train_state,
)

HORIZON = 64

Episodes: TypeAlias = deque[tuple[float, float, float]]  # count, length and reward of the last rollouts


def main() -> None:
    args = parse_arguments()
    out = Path(args.out)
    start = time.monotonic()
    # What was compiled once need not be compiled again by the next run.
    jax.config.update("jax_compilation_cache_dir", args.cache)

    # 1. Environments, agent, and the functions that train. All of them are static descriptions without state.
    env = Environment(args.world, num_envs=args.num_envs, seed=args.seed, stats="none")
    agent = Agent(env, "fast")
    training = TrainingComponents.create(env, agent, trainer_config(args.total_steps, args.num_envs * env.num_agents))
    device = jax.devices()[0]
    print(f"{args.num_envs} environments x {env.num_agents} agents, {agent.num_flat_actions} actions, on {device}")

    # 2. The training state: one pytree of arrays that every call takes and returns.
    state = initial_state(training, jax.random.key(args.seed), out, resume=args.resume)
    step = int(state.agent_step)

    # 3. The loop.
    episodes: Episodes = deque(maxlen=10)
    print("compiling ...", flush=True)
    with JsonLinesLog(out / "metrics.jsonl") as log, ProgressLine(args.total_steps, start_step=step) as progress:
        while step < args.total_steps and time.monotonic() - start < 60 * args.max_minutes:
            state, metrics = training.train_step(state)
            values = {name: value.item() for name, value in jax.device_get(metrics).items()}
            step = int(state.agent_step)
            values["overview/reward"] = reward_per_episode(episodes, values, env.max_steps)
            log.log(values, step)
            progress.update(step, shown(values))

    # 4. What is left of it.
    checkpoint = save_train_state(out, state, training)
    curve = plot_learning_curve(
        read_json_lines(out / "metrics.jsonl"),
        out / "learning_curve.png",
        title=f"world {args.world}, agent fast, PPO",
        smoothing=0.5,
    )
    print(f"{step:,} agent steps in {time.monotonic() - start:.0f} s")
    print(f"metrics         {out / 'metrics.jsonl'}")
    print(f"learning curve  {curve}")
    print(f"checkpoint      {checkpoint}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forage", help="see `python -m metta_jax worlds` (default: %(default)s)")
    parser.add_argument("--total-steps", type=int, default=1_000_000, help="agent steps (default: %(default)s)")
    parser.add_argument("--max-minutes", type=float, default=2.5, help="stop then in any case (default: %(default)s)")
    parser.add_argument("--num-envs", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out/run", help="directory of everything that is written")
    parser.add_argument("--cache", default=".cache/jax", help="directory of compiled programs (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    return parser.parse_args()


def trainer_config(total_steps: int, num_agents: int) -> TrainerConfig:
    """Every agent's steps of one rollout are one row of the batch."""
    batch_size = num_agents * HORIZON
    return TrainerConfig(
        total_timesteps=total_steps,
        batch_size=batch_size,
        # Many small minibatches: early on it is the number of optimizer steps that counts.
        minibatch_size=max(batch_size // 32, HORIZON),
        bptt_horizon=HORIZON,
        # Bolder than the defaults, which are made for runs a thousand times as long.
        ppo=PPOConfig(clip_coef=0.2, ent_coef=0.002),
        optimizer=OptimizerConfig(learning_rate=2e-3),
    )


def initial_state(training: TrainingComponents, key: jax.Array, out: Path, *, resume: bool) -> TrainState:
    """The state of the checkpoint, or a fresh one and an empty log."""
    if resume:
        state = load_train_state(out, training)
        if state is not None:
            print(f"resumed at {int(state.agent_step):,} agent steps")
            return state
    (out / "metrics.jsonl").unlink(missing_ok=True)
    return training.init(key)


def reward_per_episode(episodes: Episodes, values: dict[str, float], max_steps: int) -> float | None:
    """Mean reward of an agent in a full episode, over the episodes that ended in the last rollouts.

    First episodes are cut short, so that environments do not end together. Rewards are scaled by length; while most
    episodes are short, that says little, and the result is None.
    """
    episodes.append((values["episode/count"], values["episode/length_sum"], values["episode/return_sum"]))
    count, length, reward = (sum(column) for column in zip(*episodes, strict=True))
    return max_steps * reward / length if length > 0.5 * max_steps * count else None


def shown(values: dict[str, float]) -> dict[str, float]:
    names = {"reward": "overview/reward", "policy": "losses/policy_loss", "value": "losses/value_loss"}
    names["entropy"] = "losses/entropy"
    return {name: values[key] for name, key in names.items() if values[key] is not None}


if __name__ == "__main__":
    main()
