"""Estimates one update on many accelerators: what they compute, store and exchange, from compiled programs.

    python benchmarks/scaling.py [--devices 1 8 16 256 4096] [--world forage] [--agent fast] [--json FILE]

1. Compiles `train_step` divided among 2, 4 and 8 simulated devices of a CPU, in the form for accelerators, and counts
   its collectives: how many, and how many bytes. Two of the programs show what grows with the total batch and what
   does not; the others serve as a check. All of it twice: with minibatches drawn from the rows of all devices, and
   with `row_groups`, where each device's share comes from its own rows.
2. Scales them to a real size: `--envs-per-device` environments, rows of `--horizon` steps, `--minibatches` minibatches;
   that many for each device, or for all of them together.
3. Estimates times. Computing uses the rate that `benchmarks/deviceless.py` found for one card (`--rate`, agent-steps
   a second). A collective takes the time of its bytes through the slowest link of a ring, plus a latency for each
   level of a tree. Nothing overlaps.

`--rate` and `--kernels` are those of `fast` in arena/basic on an H200, by benchmarks/NOTES.md. `--kernels` times
`--launch` is the minimum time of an update, however few environments a device has.

Use the model to see what grows and what breaks first, not as a promise.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CASES = ((2, 4), (2, 8), (4, 4), (8, 4))  # devices, environments of each; the first two decide, the others check
WAYS = {False: "minibatches from the rows of all devices", True: "row_groups: as many as devices"}
HORIZON, MINIBATCHES = 16, 4  # of the compiled programs
ON_DEVICE = 8  # accelerators of one machine
UNOPTIMIZED = "--xla_backend_optimization_level=0"  # nothing runs; collectives are decided before that
LINKS = {"machine": (450e9, 5e-6), "network": (50e9, 15e-6)}  # bytes/s each way of a device, seconds a level
MEMORY = 141e9 * 0.9


@dataclass(frozen=True)
class Counted:
    """Collectives of one compiled update: [how many, bytes on each device], by kind."""

    devices: int
    envs_per_device: int
    agents_per_env: int
    kinds: dict[str, tuple[int, int]]
    in_open_loops: int

    @property
    def agent_steps(self) -> int:
        return self.devices * self.envs_per_device * self.agents_per_env * HORIZON


@dataclass(frozen=True)
class Growth:
    """Bytes on each device: `constant + each * agent-steps of the whole batch`."""

    calls: float
    constant: float
    each: float

    def num_bytes(self, agent_steps: float) -> float:
        return self.constant + self.each * agent_steps


def main() -> None:
    args = parse_arguments()
    if args.count is not None:
        print(json.dumps(asdict(count(args.world, args.agent, *args.count))))
        return
    print(f"{args.world}, agent {args.agent}, simulated devices, rows of {HORIZON}, {MINIBATCHES} minibatches")
    growth = {own: measure(args, own, way) for own, way in WAYS.items()}
    whole = args.envs_per_device
    plans = {
        f"{whole:,} environments on each device": (growth[False], lambda devices: whole),
        "The same, with `row_groups`": (growth[True], lambda devices: whole),
        f"{whole:,} environments on all devices together": (growth[False], lambda devices: whole / devices),
        "The same, with `row_groups` ": (growth[True], lambda devices: whole / devices),
    }
    tables = {
        title: [row(args, grows, devices, envs_fn(devices)) for devices in args.devices]
        for title, (grows, envs_fn) in plans.items()
    }
    for title, rows in tables.items():
        print(f"\n{title.strip()}, {args.agents} agents each, rows of {args.horizon}, {args.minibatches} minibatches\n")
        print(table(rows))
    if args.json:
        Path(args.json).write_text(json.dumps(tables, indent=1) + "\n")


def measure(args: argparse.Namespace, own_rows: bool, way: str) -> dict[str, Growth]:
    """Count the collectives of all CASES, and print them."""
    counted = [compiled(args, devices, envs, own_rows) for devices, envs in CASES]
    growth = fit(counted[0], counted[1])
    print(f"\n{way}")
    print(f"{'devices':>7} {'envs each':>9} {'collective':20} {'calls':>6} {'bytes on each':>14} {'by the fit':>12}")
    for one in counted:
        for kind, (calls, num_bytes) in sorted(one.kinds.items()):
            expected = growth[kind].num_bytes(one.agent_steps) if kind in growth else math.nan
            print(
                f"{one.devices:7} {one.envs_per_device:9} {kind:20} {calls:6} {num_bytes:14,} {expected:12,.0f}",
                flush=True,
            )
    return growth


def fit(small: Counted, large: Counted) -> dict[str, Growth]:
    """How bytes grow with the batch, from two programs of as many devices."""
    found = {}
    for kind, (calls, few) in small.kinds.items():
        _, many = large.kinds.get(kind, (0, few))
        each = (many - few) / (large.agent_steps - small.agent_steps)
        found[kind] = Growth(calls, few - each * small.agent_steps, each)
    return found


def row(args: argparse.Namespace, growth: dict[str, Growth], devices: int, envs_per_device: float) -> dict[str, Any]:
    """One update of `devices` accelerators."""
    own = envs_per_device * args.agents * args.horizon
    compute_s = max(own / args.rate, args.kernels * args.launch)
    seconds = {}
    received = {}
    for kind, one in growth.items():
        of_minibatch, others = divmod(one.calls, MINIBATCHES)
        calls = of_minibatch * args.minibatches + others
        constant = one.constant if kind != "all-reduce" else one.constant / MINIBATCHES * args.minibatches
        received[kind] = constant + one.each * own * devices if devices > 1 else 0.0
        seconds[kind] = collective_s(kind, received[kind], calls, devices)
    batch_bytes = growth["all-gather"].each * own * devices if "all-gather" in growth else 0.0
    held = args.held_bytes * own + (batch_bytes if devices > 1 else 0.0)
    total = compute_s + sum(seconds.values())
    return {
        "devices": devices,
        "agent_steps": own * devices,
        "compute_s": compute_s,
        "received_bytes": received,
        "collective_s": seconds,
        "held_bytes": held,
        "fits": held <= MEMORY,
        "agent_steps_per_s": own * devices / total,
        "efficiency": own / total / args.rate,
        "device_hours_per_billion": 1e9 / (own * devices / total) * devices / 3600,
    }


def collective_s(kind: str, num_bytes: float, calls: float, devices: int) -> float:
    """Seconds of all calls of a kind: a ring inside of machines and between them, and a tree's latency."""
    if devices == 1:
        return 0.0
    passes = 2.0 if kind == "all-reduce" else 1.0
    levels = {"machine": math.log2(min(devices, ON_DEVICE)), "network": math.log2(max(devices / ON_DEVICE, 1))}
    slowest = min(LINKS[name][0] for name, count in levels.items() if count > 0)
    latency = sum(count * LINKS[name][1] for name, count in levels.items())
    return passes * num_bytes * (devices - 1) / devices / slowest + calls * passes * latency


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| devices | agent-steps of an update | computing, s | gradients, s | rows, s | held by each, GB | "
        "M agent-steps/s | of ideal | device-hours per billion |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        reduce_s = one["collective_s"].get("all-reduce", 0.0)
        other_s = sum(one["collective_s"].values()) - reduce_s
        fits = "" if one["fits"] else " (does not fit)"
        lines.append(
            f"| {one['devices']:,} | {one['agent_steps'] / 1e6:,.1f} M | {one['compute_s']:.2f} | {reduce_s:.3f} | "
            f"{other_s:.2f} | {one['held_bytes'] / 1e9:,.0f}{fits} | {one['agent_steps_per_s'] / 1e6:,.1f} | "
            f"{one['efficiency']:.0%} | {one['device_hours_per_billion']:.3f} |"
        )
    return "\n".join(lines)


def compiled(args: argparse.Namespace, devices: int, envs: int, own_rows: bool) -> Counted:
    """The counts of a program, in a process of its own: the number of simulated devices is fixed when JAX starts."""
    command = [
        sys.executable,
        __file__,
        "--world",
        args.world,
        "--agent",
        args.agent,
        "--count",
        str(devices),
        str(envs),
        str(int(own_rows)),
    ]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(devices)}
    environment["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {UNOPTIMIZED}"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    return Counted(**{**found, "kinds": {kind: tuple(pair) for kind, pair in found["kinds"].items()}})


def count(world: str, agent: str, devices: int, envs: int, own_rows: int) -> Counted:
    import jax

    from benchmarks.collectives import collectives
    from benchmarks.hlo_text import parse
    from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents
    from metta_jax.parallel import shard_training

    env = Environment(world, num_envs=devices * envs, num_maps=4, engine_path="wide")
    batch = env.num_agents * env.num_envs * HORIZON
    config = TrainerConfig(
        batch_size=batch,
        minibatch_size=batch // MINIBATCHES,
        bptt_horizon=HORIZON,
        row_groups=devices if own_rows else 1,
    )
    training = TrainingComponents.create(env, Agent(env, agent), config)
    sharded = shard_training(training, devices)
    shapes = jax.eval_shape(training.init, jax.random.key(0))
    state = jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), shapes, sharded.shardings
    )
    program = sharded.programs.train_step.lower(training.hyperparameters, env.params, state).compile()
    kinds: dict[str, tuple[int, int]] = {}
    open_loops = 0
    for one in collectives(parse(program.as_text() or "")):
        calls, num_bytes = kinds.get(one.kind, (0, 0))
        kinds[one.kind] = (calls + one.times, num_bytes + one.times * one.num_bytes)
        open_loops += not one.is_certain
    return Counted(devices, envs, env.num_agents, kinds, open_loops)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forage")
    parser.add_argument("--agent", default="fast")
    parser.add_argument("--devices", nargs="+", type=int, default=[1, 8, 16, 256, 4096])
    parser.add_argument("--envs-per-device", type=int, default=8192)
    parser.add_argument("--horizon", type=int, default=64)
    parser.add_argument("--minibatches", type=int, default=32)
    parser.add_argument("--agents", type=int, default=24, help="of an environment, in the tables")
    parser.add_argument("--rate", type=float, default=11.1e6, help="agent-steps a second of one device")
    parser.add_argument("--kernels", type=float, default=50_779, help="of an update, however small it is")
    parser.add_argument("--launch", type=float, default=2e-6, help="seconds of a kernel at least")
    parser.add_argument("--held-bytes", type=float, default=2.4e3, help="of a device, for each agent-step of its batch")
    parser.add_argument("--json", help="write the rows into this file")
    parser.add_argument("--count", nargs=3, type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
