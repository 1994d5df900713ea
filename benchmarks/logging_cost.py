"""What logging every update costs, relative to the training that it reports on. The goal is less than 2 %.

    python benchmarks/logging_cost.py [--world forage] [--num-envs 64] [--horizon 64] [--updates 20]
                                      [--loggers jsonl csv duckdb tensorboard wandb console all] [--json FILE]

Every update is waited for; then all its metrics are collected (with the statistics of episodes, a stopwatch, the memory
of the training state and the system monitor, which samples in the background) and logged. `collect ms` and `log ms` are
medians of these two, and `cost` is their share of the median update. `slower` compares whole updates with as many that
log nothing, taken in turns: the truth, but for the noise of the machine, which `noise` shows (the same
comparison between updates that both log nothing). The system monitor samples all the time, also there: 0.15 ms a
second. wandb runs offline. Files go into a temporary directory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metta_jax.monitor import MultiLog
    from metta_jax.rl import Training, TrainingComponents, TrainState

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LOGGERS = ("jsonl", "csv", "duckdb", "tensorboard", "wandb", "console")
GOAL = 0.02

Metrics = dict[str, Any]


def main() -> None:
    args = parse_arguments()
    os.environ.setdefault("WANDB_SILENT", "true")
    print(f"{machine()}\n")
    training, state = make_training(args.world, args.num_envs, args.horizon)
    state, first = train(training, state, 2)  # compiles
    steps = training.config.batch_size
    print(f"{args.world}, {args.num_envs} environments, {steps:,} agent steps an update, {len(first)} metrics\n")
    print(f"{'logger':12} {'update ms':>10} {'collect ms':>10} {'log ms':>8} {'cost':>7} {'slower':>8} {'noise':>8}")
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for name in args.loggers:
            row, state = measure(training, state, name, Path(directory), args.updates)
            rows.append(row | {"world": args.world, "num_envs": args.num_envs, "agent_steps_per_update": steps})
            print(
                f"{name:12} {row['update_ms']:10.1f} {row['collect_ms']:10.2f} {row['log_ms']:8.2f} {row['cost']:7.2%} "
                f"{row['slower']:+8.2%} {row['noise']:+8.2%}",
                flush=True,
            )
    worst = max(rows, key=lambda row: row["cost"])
    print(f"\nmost: {worst['logger']} with {worst['cost']:.2%}, goal {GOAL:.0%}")
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forage", help="see `python -m metta_jax worlds` (default: %(default)s)")
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--horizon", type=int, default=64, help="steps of a rollout (default: %(default)s)")
    parser.add_argument("--updates", type=int, default=20, help="timed updates of each kind (default: %(default)s)")
    parser.add_argument("--loggers", nargs="+", choices=(*LOGGERS, "all"), default=[*LOGGERS, "all"])
    parser.add_argument("--json", help="write one row per logger into this file")
    return parser.parse_args()


def machine() -> str:
    import jax

    processor = platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, jax {jax.__version__}"


def make_training(world: str, num_envs: int, horizon: int) -> tuple[TrainingComponents, TrainState]:
    import jax

    from metta_jax.agent import Agent
    from metta_jax.config import TrainerConfig
    from metta_jax.rl import TrainingComponents
    from metta_jax.worlds.environment import Environment

    env = Environment(world, num_envs=num_envs, stats="none")
    batch_size = num_envs * env.num_agents * horizon
    config = TrainerConfig(
        batch_size=batch_size,
        minibatch_size=max(batch_size // 32, horizon),
        bptt_horizon=horizon,
        grad_mean_variance_interval=1,
    )
    training = TrainingComponents.create(env, Agent(env, "fast"), config)
    return training, training.init(jax.random.key(0))


def train(
    training: Training,
    state: TrainState,
    num_updates: int,
    after: Callable[[TrainState, Metrics, float], None] | None = None,
    seconds: list[float] | None = None,
) -> tuple[TrainState, Metrics]:
    """Run updates and return the state and the last metrics; whole updates in seconds are appended to `seconds`."""
    import jax

    update: Metrics = {}
    for _ in range(num_updates):
        start = time.perf_counter()
        state, update = jax.block_until_ready(training.train_step(state))
        if after is not None:
            after(state, update, time.perf_counter() - start)
        if seconds is not None:
            seconds.append(time.perf_counter() - start)
    return state, update


def measure(
    training: TrainingComponents, state: TrainState, name: str, directory: Path, num_updates: int
) -> tuple[dict[str, Any], TrainState]:
    """One row, and the state after it. Updates with and without logging take turns, so that both see the same noise."""
    from metta_jax.monitor import MemoryMonitor, Stopwatch, SystemMonitor, collect_metrics

    timer, memory = Stopwatch(), MemoryMonitor()
    timer.start()
    memory.add(state, name="TrainState", track_attributes=True)
    kinds = ("update", "collect", "log", "logged", "silent", "silent again")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    system = SystemMonitor(sampling_interval_sec=1.0)
    with make_logger(name, directory, 10**9) as logger:

        def after(state: TrainState, update: Metrics, seconds: float) -> None:
            times["update"].append(seconds)
            start = time.perf_counter()
            step = int(state.agent_step)
            timer.lap_all(step)
            memory.update("TrainState", state)
            stats = training.accumulate_stats(None, training.episode_stats(state))
            monitors = {"timer": timer, "system": system, "memory": memory}
            metrics = collect_metrics(update, agent_step=step, epoch=int(state.epoch), stats=stats, **monitors)
            collected = time.perf_counter()
            logger.log(metrics, step)
            times["collect"].append(collected - start)
            times["log"].append(time.perf_counter() - collected)

        state, _ = train(training, state, 1, after)  # the first record is slower: columns, tables
        for key in ("update", "collect", "log"):
            times[key].clear()
        for _ in range(num_updates):
            state, _ = train(training, state, 1, after, times["logged"])
            for key in ("silent", "silent again"):
                state, _ = train(training, state, 1, None, times[key])
    system.stop()
    middle = {key: statistics.median(values) for key, values in times.items()}
    row = {
        "logger": name,
        "update_ms": 1e3 * middle["update"],
        "collect_ms": 1e3 * middle["collect"],
        "log_ms": 1e3 * middle["log"],
        "cost": (middle["collect"] + middle["log"]) / middle["update"],
        "slower": middle["logged"] / middle["silent"] - 1,
        "noise": middle["silent again"] / middle["silent"] - 1,
    }
    return row, state


def make_logger(name: str, directory: Path, total_steps: int) -> MultiLog:
    from rich.console import Console

    from metta_jax import monitor

    makers = {
        "jsonl": lambda: monitor.JsonLinesLog(directory / f"{name}.jsonl"),
        "csv": lambda: monitor.CsvLog(directory / f"{name}.csv"),
        "duckdb": lambda: monitor.DuckDbLog(directory / f"{name}.duckdb"),
        "tensorboard": lambda: monitor.TensorBoardLog(directory / f"{name}_tensorboard"),
        "wandb": lambda: monitor.WandbLog("logging_cost", directory=directory, mode="offline"),
        # A terminal is redrawn with every record; that is the costly case.
        "console": lambda: monitor.ConsoleLog(
            total_steps, console=Console(file=(directory / "console").open("w"), force_terminal=True)
        ),
    }
    return monitor.MultiLog(*(makers[one]() for one in (LOGGERS if name == "all" else (name,))))


if __name__ == "__main__":
    main()
