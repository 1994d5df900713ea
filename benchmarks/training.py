"""Speed of training: agent-steps a second of rollout, update and whole train_step, next to the original trainer's.

    python benchmarks/training.py [--cases fast-A fast-A-512 fast-B default-A default-B] [--dtypes float32 bfloat16]
                                  [--devices 2] [--row-groups 1] [--rounds 5] [--json FILE]

Every row is measured in a process of its own, on all cores; rates are medians. A CPU is divided into as many devices as
`--devices` says (`shard_training`), which keeps its cores busier than one device for all of them. Time is split into
what the environments take (the same steps with random actions), the policy (the rest of the rollout), the advantages,
and the update. `x original` compares with what the original trainer would reach on two cores at the same branchy rate
(yardstick.py).
"""

from __future__ import annotations

import argparse
import json
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

    from metta_jax.parallel import ShardedTraining
    from metta_jax.rl import TrainState

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

COLUMNS = (
    f"{'case':11} {'dtype':9} {'dev.':>4} {'steps/s':>8} {'x original':>10} {'rollout/s':>10} {'compile s':>9} "
    f"{'env':>5} {'policy':>6} {'adv.':>5} {'update':>6} {'branchy':>7}"
)


def main() -> None:
    args = parse_arguments()
    if args.worker:
        print(json.dumps(measure(args.cases[0], args.dtypes[0], args)))
        return
    import jax

    jax.config.update("jax_num_cpu_devices", args.devices)
    print(f"{platform.machine()}, {platform.python_version()}, jax {jax.__version__}, {jax.devices()}\n\n{COLUMNS}")
    rows = []
    for name in args.cases:
        for dtype in args.dtypes:
            row = run_worker(name, dtype, args)
            rows.append(row)
            print(line(name, row), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    from benchmarks.training_cases import CASES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--devices", type=int, default=2, help="of a CPU; others: all there are (default: %(default)s)")
    parser.add_argument(
        "--row-groups", type=int, default=1, help="the number of devices: no rows are exchanged (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="train_steps that are timed (default: %(default)s)")
    parser.add_argument("--json", help="write one row per measurement into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_worker(name: str, dtype: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", "--cases", name, "--dtypes", dtype]
    command += ["--devices", str(args.devices), "--rounds", str(args.rounds), "--row-groups", str(args.row_groups)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}, {dtype} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def line(name: str, row: dict[str, Any]) -> str:
    split = row["seconds"]
    total = split["rollout"] + split["update"]
    shares = [split["environment"], split["rollout"] - split["environment"], split["advantage"]]
    shares.append(split["update"] - split["advantage"])
    env, policy, advantage, update = (f"{share / total:.0%}" for share in shares)
    return (
        f"{name:11} {row['dtype']:9} {row['devices']:4} {row['agent_steps_per_s']:8,.0f} {row['x_original']:10.2f} "
        f"{row['rollout_per_s']:10,.0f} {row['compile_s']:9.1f} {env:>5} {policy:>6} {advantage:>5} {update:>6} "
        f"{row['branchy']:7.2f}"
    )


def measure(name: str, dtype: str, args: argparse.Namespace) -> dict[str, Any]:
    """One row, in this process."""
    import jax

    jax.config.update("jax_num_cpu_devices", args.devices)

    from benchmarks.training_cases import CASES, ORIGINAL_BRANCHY, make
    from benchmarks.yardstick import branchy
    from metta_jax.api import shard_training

    case = CASES[name]
    training = shard_training(make(case, dtype, row_groups=args.row_groups))
    state = jax.block_until_ready(training.init(jax.random.key(0)))
    start = time.perf_counter()
    state, _ = jax.block_until_ready(training.train_step(state))
    first_s = time.perf_counter() - start

    steps = training.plan.layout.steps_per_rollout
    yardsticks, whole = [branchy(1)], []
    for _ in range(args.rounds):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(training.train_step(state))
        whole.append(time.perf_counter() - start)
        yardsticks.append(branchy(1))
    seconds = parts(training, state, args.rounds)
    rate, speed = steps / statistics.median(whole), statistics.median(yardsticks)
    return {
        "agent": case.agent,
        "world": case.world,
        "dtype": dtype,
        "devices": jax.device_count(),
        "row_groups": args.row_groups,
        "num_envs": case.num_envs,
        "batch_size": case.batch_size,
        "minibatch_size": case.minibatch_size,
        "agent_steps_per_s": rate,
        "rollout_per_s": steps / seconds["rollout"],
        "compile_s": first_s - statistics.median(whole),
        "branchy": speed,
        "x_original": rate / (case.original * speed / ORIGINAL_BRANCHY),
        "seconds": seconds,
    }


def parts(training: ShardedTraining, state: TrainState, rounds: int) -> dict[str, float]:
    """Median seconds of one rollout, of its environment steps alone, of the advantages, and of one update."""
    import jax
    import jax.numpy as jnp

    env, layout = training.plan.env, training.plan.layout
    max_args = jnp.asarray(env.max_action_args, jnp.int32)

    @jax.jit
    def play(params: Any, env_state: Any, key: jax.Array) -> Any:
        def one_step(env_state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            bits = jax.random.bits(key, (env.num_envs, env.num_agents, 2), jnp.uint16).astype(jnp.int32)
            kind = bits[..., 0] % len(env.action_names)
            actions = jnp.stack([kind, bits[..., 1] % (max_args[kind] + 1)], axis=-1)
            env_state, timestep = env.step(params, env_state, actions)
            return env_state, jnp.sum(timestep.reward) + jnp.sum(timestep.observation[:, :, -1].astype(jnp.float32))

        return jax.lax.scan(one_step, env_state, jax.random.split(key, layout.num_slots))

    times: dict[str, list[float]] = {"environment": [], "rollout": [], "advantage": [], "update": []}

    def timed(name: str, call: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        result = jax.block_until_ready(call(*args))
        times[name].append(time.perf_counter() - start)
        return result

    for _ in range(rounds + 1):
        timed("environment", play, env.params, state.env_state, jax.random.key(1))
        state, batch = timed("rollout", training.rollout, state)
        timed("advantage", training.compute_advantages, batch)
        state, _ = timed("update", training.update, state, batch)
    return {name: statistics.median(values[1:]) for name, values in times.items()}  # the first one compiles


if __name__ == "__main__":
    main()
