"""What a curriculum costs: agent-steps a second of many tasks in one program, against one task.

    python benchmarks/curriculum.py [--cases arena24 small4] [--num-envs 64 1024] [--num-tasks 1 200] [--json FILE]

Step and observe with random valid actions inside `lax.scan`, as in stepper.py, with episodes of 1,000 steps whose ends
are spread evenly. 0 tasks is the program without a curriculum. N tasks are N games of different recipes, rewards and
step limits under LearningProgress: every environment gathers the rules of its own task, and every episode that ends is
learned from. Each case and number of environments runs in one pinned process that takes turns between the programs.
The rate is that of the best turn; the cost compares the processor time of the best turns with the first program's,
which can be trusted on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax

    from metta_jax.mettagrid import EnvParams, MettaGrid, VectorEnv, VectorState, VectorTimeStep

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROUNDS = 15
LANES = 200_000  # agent-steps of one timed call, about
MAX_STEPS = 1000


def main() -> None:
    args = parse_arguments()
    if args.worker:
        print(json.dumps(measure(args.cases[0], args.num_envs[0], args.num_tasks)))
        return
    from benchmarks.stepper import machine

    print(f"{machine()}\n")
    print(f"{'case':8} {'envs':>5} {'tasks':>5} {'agent-steps/s':>14} {'cost':>6} {'compile s':>9} {'episodes':>8}")
    rows = []
    for case in args.cases:
        for num_envs in args.num_envs:
            for row in run_worker(case, num_envs, args.num_tasks):
                rows.append(row)
                print(
                    f"{case:8} {num_envs:5} {row['num_tasks']:5} {row['agent_steps_per_s']:14,.0f} {row['cost']:6.1%} "
                    f"{row['compile_s']:9.1f} {row['episodes']:8}",
                    flush=True,
                )
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=["arena24", "small4"])
    parser.add_argument("--num-envs", nargs="+", type=int, default=[64, 1024])
    parser.add_argument("--num-tasks", nargs="+", type=int, default=[0, 1, 200])
    parser.add_argument("--json", help="write one row per measurement into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_worker(case: str, num_envs: int, num_tasks: list[int]) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, "--worker", "--cases", case, "--num-envs", str(num_envs)]
    command += ["--num-tasks", *map(str, num_tasks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{case}, {num_envs} environments failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: str, num_envs: int, num_tasks: list[int]) -> list[dict[str, Any]]:
    """One row for each number of tasks, in this process."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax
    import jax.numpy as jnp

    from benchmarks.stepper import random_play

    runs = {}
    for count in num_tasks:
        env, vector, params = make_batch(case, num_envs, count)
        num_steps = max(LANES // (num_envs * env.num_agents), 4)

        def play(
            params: EnvParams,
            state: VectorState,
            key: jax.Array,
            env: MettaGrid = env,
            vector: VectorEnv = vector,
            num_steps: int = num_steps,
        ) -> Any:
            def step(params: EnvParams, carry: Any, actions: jax.Array) -> tuple[Any, VectorTimeStep]:
                state, episodes = carry
                state, timestep = vector.step(params, state, actions)
                return (state, episodes + jnp.sum(timestep.episode.done, dtype=jnp.int32)), timestep

            return random_play(step, env, num_envs, num_steps, params, (state, jnp.int32(0)), key)

        state = jax.block_until_ready(jax.jit(vector.reset)(params, jax.random.key(0))[0])
        start = time.perf_counter()
        run = jax.jit(play, donate_argnums=1).lower(params, state, jax.random.key(1)).compile()
        runs[count] = {"run": run, "params": params, "state": state, "compile_s": time.perf_counter() - start}
        runs[count] |= {"times": [], "busy": [], "episodes": 0, "agent_steps": num_envs * env.num_agents * num_steps}
    for turn in range(ROUNDS + 1):
        for this in runs.values():
            start, busy = time.perf_counter(), time.process_time()
            (this["state"], episodes), _ = jax.block_until_ready(
                this["run"](this["params"], this["state"], jax.random.key(turn))
            )
            if turn:
                this["times"].append(time.perf_counter() - start)
                this["busy"].append(time.process_time() - busy)
                this["episodes"] += int(episodes)
    base = min(next(iter(runs.values()))["busy"])
    return [
        {
            "case": case,
            "num_envs": num_envs,
            "num_tasks": count,
            "agent_steps_per_s": this["agent_steps"] / min(this["times"]),
            "cost": min(this["busy"]) / base - 1,
            "compile_s": this["compile_s"],
            "episodes": this["episodes"],
        }
        for count, this in runs.items()
    ]


def make_batch(case: str, num_envs: int, num_tasks: int) -> tuple[MettaGrid, VectorEnv, EnvParams]:
    """The environment of a case, a batch of it, and the parameters."""
    from benchmarks.stepper_cases import CASES, make
    from metta_jax.config import EnvConfig
    from metta_jax.curriculum import Curriculum, Task
    from metta_jax.curriculum.learning_progress import LearningProgressRule
    from metta_jax.mapgen import FixedMap
    from metta_jax.mettagrid import MettaGrid, TaskGrid, VectorEnv

    grid = make(CASES[case])
    game = grid.config.replace(max_steps=MAX_STEPS)
    maps = grid_maps(case)
    if not num_tasks:
        env = MettaGrid(game, maps, "totals")
        return env, VectorEnv(env, num_envs, staggered=True), env.params
    games = [
        game.replace(
            agent={"rewards": {"inventory": {"heart": 1.0 + i, "ore_red": 0.01 * i}}},
            objects={"mine_red": {"cooldown": i % 10}, "altar": {"input_resources": {"battery_red": 1 + i % 3}}},
            max_steps=MAX_STEPS - i % 7,
        )
        for i in range(num_tasks)
    ]
    env = TaskGrid(games, [maps] * num_tasks, stats="totals")
    first = FixedMap(tuple(map(tuple, maps[0])))  # the tasks' maps are those of the grid
    tasks = tuple(Task(str(i), (EnvConfig(game=g, map_builder=first),)) for i, g in enumerate(games))
    curriculum = Curriculum("benchmark", tasks, LearningProgressRule((1.0,) * num_tasks))
    return env, VectorEnv(env, num_envs, staggered=True, curriculum=curriculum), env.params


def grid_maps(case: str) -> list[list[list[str]]]:
    """The maps of a case."""
    import numpy as np

    from benchmarks.stepper_cases import CASES, NUM_MAPS, make_map

    rng = np.random.default_rng(0)
    return [make_map(CASES[case], rng) for _ in range(NUM_MAPS)]


if __name__ == "__main__":
    main()
