"""Speed of the engine: agent-steps a second, compile time and memory, next to the original engine's rate.

    python benchmarks/stepper.py [--cases arena24 small4 one1] [--num-envs 16 64 256 1024 4096] [--cores 1 2]
                                 [--json FILE]

Step and observe with random valid actions inside `lax.scan`, auto-reset included. Every row is measured in a process of
its own: one core is one pinned process; two cores are two CPU devices with half of the environments each. Rates are
medians. Memory is taken in huge pages where the system offers them (see docs/speed.md). `x original` compares with what
the original engine reaches per core at the same branchy rate (yardstick.py).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax

    from metta_jax.mettagrid import EnvParams, MettaGrid, TimeStep, VectorState

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROUNDS = 7
LANES = 600_000  # agent-steps of one timed call, about
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # for large arrays on Linux; elsewhere it does nothing


def main() -> None:
    args = parse_arguments()
    if args.worker:
        one = auto_reset_cost if args.auto_reset else measure
        print(json.dumps(one(args.cases[0], args.num_envs[0], args.cores[0])))
        return
    from benchmarks.stepper_cases import CASES
    from metta_jax.mettagrid.engine_path import CHUNK_AGENTS

    print(f"{machine()}, {' '.join(map('='.join, HUGE_PAGES.items()))}\n")
    print(
        f"{'case':8} {'envs':>5} {'cores':>5} {'agent-steps/s':>14} {'x original':>10} {'compile s':>9} "
        f"{'bytes/env':>9} {'branchy':>7}"
    )
    rows = []
    for case in args.cases:
        for cores in args.cores:
            for num_envs in args.num_envs:
                row = run_worker(case, num_envs, cores)
                rows.append(row)
                original = CASES[case].original * row["branchy"] * 1e6 * cores
                print(
                    f"{case:8} {num_envs:5} {cores:5} {row['agent_steps_per_s']:14,.0f} "
                    f"{row['agent_steps_per_s'] / original:10.2f} {row['compile_s']:9.1f} {row['bytes_per_env']:9,.0f} "
                    f"{row['branchy']:7.2f}",
                    flush=True,
                )
    for case in args.cases:
        # So few that a batch is one chunk: a step without auto-reset has no chunks, which cost something by themselves.
        num_envs = CHUNK_AGENTS // CASES[case].num_agents
        cost = run_worker(case, num_envs, 1, "--auto-reset")["auto_reset_cost"]
        print(f"{case}: auto-reset costs {cost:+.1%} ({num_envs} environments, no episode ends)")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=["arena24", "small4", "one1"])
    parser.add_argument("--num-envs", nargs="+", type=int, default=[16, 64, 256, 1024, 4096])
    parser.add_argument("--cores", nargs="+", type=int, choices=[1, 2], default=[1, 2])
    parser.add_argument("--json", help="write one row per measurement into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--auto-reset", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def machine() -> str:
    import jax

    processor = platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, jax {jax.__version__}"


def run_worker(case: str, num_envs: int, cores: int, *options: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", "--cases", case, "--num-envs", str(num_envs), *options]
    command += ["--cores", str(cores)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | HUGE_PAGES)
    if done.returncode:
        sys.exit(f"{case}, {num_envs} environments, {cores} cores failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: str, num_envs: int, cores: int) -> dict[str, Any]:
    """One row, in this process."""
    if cores == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax

    jax.config.update("jax_num_cpu_devices", cores)
    from benchmarks.stepper_cases import CASES, make
    from benchmarks.yardstick import branchy
    from metta_jax.mettagrid import VectorEnv

    env = make(CASES[case])
    vector = VectorEnv(env, num_envs // cores)
    mesh = jax.make_mesh((cores,), ("env",), axis_types=(jax.sharding.AxisType.Auto,))
    split, same = jax.sharding.PartitionSpec("env"), jax.sharding.PartitionSpec()
    keys = jax.random.split(jax.random.key(0), cores)
    num_steps = max(LANES // (num_envs * env.num_agents), 4)

    def on_cores(fn: Callable[..., Any]) -> Any:
        mapped = jax.shard_map(fn, mesh=mesh, in_specs=(same, split, split), out_specs=split, check_vma=False)
        return jax.jit(mapped, donate_argnums=1)

    def play(params: EnvParams, state: VectorState, key: jax.Array) -> Any:
        return random_play(vector.step, env, vector.num_envs, num_steps, params, state, key[0])

    reset = jax.shard_map(
        lambda params, key: vector.reset(params, key[0])[0], mesh=mesh, in_specs=(same, split), out_specs=split,
        check_vma=False,
    )  # fmt: skip
    state = jax.block_until_ready(jax.jit(reset)(env.params, keys))
    num_bytes = sum(x.nbytes for x in jax.tree.leaves(state))
    start = time.perf_counter()
    run = on_cores(play).lower(env.params, state, keys).compile()
    compile_s = time.perf_counter() - start

    yardsticks, rates = [branchy(1)], []
    state, _ = jax.block_until_ready(run(env.params, state, keys))
    for _ in range(ROUNDS):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(run(env.params, state, keys))
        rates.append(num_envs * env.num_agents * num_steps / (time.perf_counter() - start))
        yardsticks.append(branchy(1))
    return {
        "case": case,
        "num_envs": num_envs,
        "cores": cores,
        "agent_steps_per_s": statistics.median(rates),
        "agent_steps_per_s_min_max": [min(rates), max(rates)],
        "compile_s": compile_s,
        "bytes_per_env": num_bytes / num_envs,
        "branchy": statistics.median(yardsticks),
    }


def auto_reset_cost(case: str, num_envs: int, cores: int) -> dict[str, Any]:
    """How much longer a step takes with auto-reset than without, while no episode ends. One core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax

    from benchmarks.stepper_cases import CASES, make
    from metta_jax.mettagrid import VectorEnv, step
    from metta_jax.mettagrid.batching import shared_rules
    from metta_jax.mettagrid.environment import drawn_keys

    env = make(CASES[case])
    vector = VectorEnv(env, num_envs)
    num_steps = max(LANES // (4 * num_envs * env.num_agents), 4)

    def without_reset(params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, TimeStep]:
        keys = drawn_keys(state.env, env.num_agents)
        batch, timestep = step.step(env.layout, shared_rules(params), state.env, actions, keys)
        return state.replace(env=batch), timestep

    times = {}
    runs = {}
    for name, step_fn in (("with", vector.step), ("without", without_reset)):

        def play(params: EnvParams, state: VectorState, key: jax.Array, step_fn: Callable[..., Any] = step_fn) -> Any:
            return random_play(step_fn, env, num_envs, num_steps, params, state, key)

        state = jax.jit(vector.reset)(env.params, jax.random.key(0))[0]
        runs[name] = jax.jit(play).lower(env.params, state, jax.random.key(1)).compile(), state
        times[name] = []
    for _ in range(3 * ROUNDS):
        for name, (run, state) in runs.items():
            start = time.perf_counter()
            jax.block_until_ready(run(env.params, state, jax.random.key(1)))
            times[name].append(time.perf_counter() - start)
    return {"auto_reset_cost": min(times["with"]) / min(times["without"]) - 1}


def random_play(
    step_fn: Callable[..., Any],
    env: MettaGrid,
    num_envs: int,
    num_steps: int,
    params: EnvParams,
    state: Any,
    key: jax.Array,
) -> Any:
    """`num_steps` steps with random valid actions; returns the state and something that depends on every output."""
    import jax
    import jax.numpy as jnp

    max_args = jnp.asarray(env.max_action_args, jnp.int32)

    def one_step(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        bits = jax.random.bits(key, (num_envs, env.num_agents, 2), jnp.uint16).astype(jnp.int32)
        kind = bits[..., 0] % len(env.action_names)
        argument = bits[..., 1] % (max_args[kind] + 1)
        state, timestep = step_fn(params, state, jnp.stack([kind, argument], axis=-1))
        seen = jnp.max(timestep.observation[:, :, -1]).astype(jnp.float32)
        return state, jnp.sum(timestep.reward) + seen

    return jax.lax.scan(one_step, state, jax.random.split(key, num_steps))


if __name__ == "__main__":
    main()
