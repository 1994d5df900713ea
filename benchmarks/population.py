"""What a population costs, compared with separate runs: CPU seconds and wall time.

    python benchmarks/population.py [--world forage] [--members 16] [--num-envs 8] [--horizon 32] [--updates 4]
                                    [--ways turns together vmap]

turns: members take turns in one program (the default on a CPU). together: their environments as one batch, networks
vectorized (the default on an accelerator). vmap: plain `jax.vmap` over the training step, in which every step resets
all episodes. Each is compared with the same updates of the members one after another, each with `train_step`, whose
results must be equal (turns) or close (the others). CPU seconds are those of all threads of the process; every way is
measured `--rounds` times in alternation with the members on their own, and the median of the ratios is shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jax
import numpy as np

from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents, population_step
from metta_jax.parallel import stack_hyperparameters


def main() -> None:
    args = parse_arguments()
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(Path(__file__).resolve().parents[1] / ".cache" / "jax"))
    env = Environment(args.world, num_envs=args.num_envs)
    batch_size = args.num_envs * env.num_agents * args.horizon
    config = TrainerConfig(batch_size=batch_size, minibatch_size=batch_size // 4, bptt_horizon=args.horizon)
    agent = Agent(env, args.agent)
    rates = np.geomspace(1e-4, 1e-2, args.members)
    runs = [
        TrainingComponents.create(env, agent, config.replace(optimizer={"learning_rate": float(rate)}))
        for rate in rates
    ]
    keys = jax.random.split(jax.random.key(0), args.members)
    alone = [run.init(key) for run, key in zip(runs, keys, strict=True)]
    print(
        f"{args.members} members of {args.world}, {args.num_envs} environments of {env.num_agents} agents, "
        f"horizon {args.horizon}"
    )

    def members_alone() -> int:
        num_episodes = 0
        for i, run in enumerate(runs):
            for _ in range(args.updates):
                alone[i], metrics = run.train_step(alone[i])
                num_episodes += int(metrics["episode/count"])
        jax.block_until_ready(alone)
        return num_episodes

    members_alone()  # compiles
    for way in args.ways:
        # Everything starts from where the members are now, so that the results can be compared.
        states = [jax.tree.map(lambda *leaves: jax.numpy.stack(leaves), *alone)]
        step = make_step(way, runs)

        def as_population(states: list[Any] = states, step: Callable[..., Any] = step) -> int:
            num_episodes = 0
            for _ in range(args.updates):
                states[0], metrics = step(states[0])
                num_episodes += int(metrics["episode/count"].sum())
            jax.block_until_ready(states[0])
            return num_episodes

        start = time.perf_counter()
        as_population()
        compile_s = time.perf_counter() - start
        members_alone()
        ratios = []
        for _ in range(args.rounds):
            (cpu, wall, episodes), (cpu_alone, wall_alone, _) = measured(as_population), measured(members_alone)
            ratios.append((cpu / cpu_alone, wall / wall_alone, cpu_alone, wall_alone, episodes))
        cpu_ratio, wall_ratio, cpu_alone, wall_alone, episodes = map(statistics.median, zip(*ratios, strict=True))
        print(
            f"{way:9} CPU {cpu_ratio:.3f}, wall {wall_ratio:.3f} of the members' own ({cpu_alone:.1f} s CPU, "
            f"{wall_alone:.1f} s wall for {args.updates} updates each, {episodes:.0f} resets); first call "
            f"{compile_s:.0f} s; {difference(states[0], alone)}",
            flush=True,
        )


def make_step(way: str, runs: list[TrainingComponents]) -> Callable[..., Any]:
    training, numbers = runs[0], stack_hyperparameters([run.hyperparameters for run in runs])
    if way != "vmap":
        return population_step(training, numbers, together=way == "together")
    step = jax.jit(jax.vmap(training.programs.train_step, in_axes=(0, None, 0)), donate_argnums=2)
    return lambda states: step(numbers, training.plan.env.params, states)


def measured(call: Callable[[], int]) -> tuple[float, float, int]:
    """CPU seconds, wall seconds, episodes."""
    cpu, wall = time.process_time(), time.perf_counter()
    episodes = call()
    return time.process_time() - cpu, time.perf_counter() - wall, episodes


def difference(population: Any, alone: list[Any]) -> str:
    """Compare the parameters of a population with those of the separate runs."""
    expected = jax.tree.map(lambda *leaves: np.stack(leaves), *[state.params for state in alone])
    pairs = list(zip(jax.tree.leaves(population.params), jax.tree.leaves(expected), strict=True))
    if all(np.array_equal(x, y) for x, y in pairs):
        return "parameters equal, bit for bit"
    return f"parameters differ by {max(float(np.abs(np.asarray(x) - y).max()) for x, y in pairs):.1e}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forage")
    parser.add_argument("--agent", default="fast")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--horizon", type=int, default=32)
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--ways", nargs="+", default=["turns", "together", "vmap"], choices=["turns", "together", "vmap"]
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
