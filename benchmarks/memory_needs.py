"""Sizes to begin with on cards of some sizes, from what the compiler says that training takes.

    python benchmarks/memory_needs.py [--cards 8 24 80 140] [--agents fast default] [--dtypes float32 bfloat16]
                                      [--world arena/basic] [--num-minibatches 32]

Computed, not measured: `memory_needs` of the programs as they are compiled here, for 64 environments with rows of 64
steps, scaled to the most environments (a power of 2) that fit into nine tenths of the three quarters of a card that JAX
takes by default. A GPU's compiler uses other algorithms, and its sizes will differ by some tenths.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BASE = 64  # environments that are compiled for
HORIZON = 64
OF_A_CARD = 0.75 * 0.9


def main() -> None:
    args = parse_arguments()
    import jax

    print(f"compiled for {jax.devices()[0].platform}, jax {jax.__version__}; {args.world}, ", end="")
    print(f"environments / minibatch_size, 1/{args.num_minibatches} of a batch, and what they take\n")
    cards = "".join(f"{f'{card} GB':>26}" for card in args.cards)
    print(f"{'agent':8} {'dtype':9} {'kB/env':>7} {'kB/mb-step':>10}{cards}")
    for agent in args.agents:
        for dtype in args.dtypes:
            needs = needs_of(agent, dtype, args.world, args.num_minibatches)
            sizes = [text(fitting(needs, card * 1e9 * OF_A_CARD)) for card in args.cards]
            kept = needs.environment + needs.rollout
            print(
                f"{agent:8} {dtype:9} {kept / 1e3:7,.0f} {needs.minibatch_step / 1e3:10.1f}"
                + "".join(f"{size:>26}" for size in sizes),
                flush=True,
            )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", nargs="+", type=int, default=[8, 24, 80, 140], help="GB")
    parser.add_argument("--agents", nargs="+", default=["fast", "default"])
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--world", default="arena/basic")
    parser.add_argument("--num-minibatches", type=int, default=32)
    return parser.parse_args()


def needs_of(agent: str, dtype: str, world: str, num_minibatches: int) -> Any:
    from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, memory_needs

    env = Environment(world, num_envs=BASE, num_maps=16)
    batch_size = env.num_agents * BASE * HORIZON
    sizes: dict[str, Any] = {"batch_size": batch_size, "minibatch_size": batch_size // num_minibatches}
    return memory_needs(
        TrainingComponents.create(env, Agent(env, agent, dtype=dtype), TrainerConfig(**sizes, bptt_horizon=HORIZON))
    )


def fitting(needs: Any, limit: float) -> Any:
    """With the most environments, BASE times a power of 2, that take at most `limit` bytes; None if BASE takes more."""
    import dataclasses

    found = None
    while needs.total <= limit:
        found = needs
        needs = dataclasses.replace(needs.scaled(2 * needs.num_envs), minibatch_size=2 * needs.minibatch_size)
    return found


def text(needs: Any) -> str:
    if needs is None:
        return f"fewer than {BASE}"
    return f"{needs.num_envs:,} / {needs.minibatch_size:,} ({needs.total / 1e9:.0f} GB)"


if __name__ == "__main__":
    main()
