"""What `gradient_chunk_size` saves and costs: memory of an update, and its time.

    python benchmarks/chunked_gradient.py [--world forage] [--agent fast] [--num-envs 64] [--horizon 64]
                                          [--chunks 1 4 16]

One minibatch per batch. Memory is what the compiler reports for `update`: the temporary arrays, without the batch
itself. Time is the median CPU time of `--rounds` updates. Both are compared with the gradient of the whole minibatch,
and so are the parameters after the last update.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jax
import numpy as np

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, memory_needs
from metta_jax.rl.memory import num_bytes


def main() -> None:
    args = parse_arguments()
    env = Environment(args.world, num_envs=args.num_envs, num_maps=4)
    agent = Agent(env, args.agent)
    batch = args.num_envs * env.num_agents * args.horizon
    print(f"{args.world}, {args.agent}, {batch:,} agent-steps in one minibatch, {jax.devices()[0].platform}")
    print(f"{'chunks':>6} {'temporary, kB an agent-step':>28} {'CPU s an update':>16} {'parameters':>12}")
    first = None
    for chunks in args.chunks:
        size = None if chunks == 1 else batch // chunks
        config = TrainerConfig(
            batch_size=batch, minibatch_size=batch, bptt_horizon=args.horizon, gradient_chunk_size=size
        )
        training = TrainingComponents.create(env, agent, config)
        state, rollout = training.rollout(training.init(jax.random.key(0)))
        if first is None:
            print(f"the batch itself: {num_bytes(rollout) / batch / 1e3:.2f} kB an agent-step")
        needs = memory_needs(training, state)
        times = []
        for _ in range(args.rounds + 1):  # the first one compiles
            start = time.process_time()
            updated = jax.block_until_ready(training.update(state, rollout))
            times.append(time.process_time() - start)
        params = jax.tree.leaves(updated[0].params)
        first = params if first is None else first
        difference = max(float(np.abs(np.asarray(x) - np.asarray(y)).max()) for x, y in zip(params, first, strict=True))
        seconds = statistics.median(times[1:])
        print(f"{chunks:6} {needs.minibatch_step / 1e3:28.2f} {seconds:16.2f} {difference:12.1e}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forage")
    parser.add_argument("--agent", default="fast")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--horizon", type=int, default=64)
    parser.add_argument("--chunks", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
