"""Whether a long run stays constant: memory, open files, memory maps and compilations while everything is on.

    python benchmarks/soak.py [--minutes 30] [--world forage] [--num-envs 16] [--out out/soak]

Trains with checkpoints, evaluation and a replay every few updates and four logs at once, and takes a sample every few
seconds. The first third may grow: programs are compiled and caches filled. After it nothing may: the median of the last
third must be within 5 % of the middle one's for memory and maps, within 3 for open files, and nothing may compile.
Prints the comparison, writes `samples.jsonl` and `soak.png`, and exits with 1 if something grows.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

GROWTH = {"memory_mb": 1.05, "memory_maps": 1.05}  # at most, from the middle third to the last
MORE_FILES = 3  # that may be open when a log is being written
FIELDS = ("memory_mb", "open_files", "memory_maps", "compiled", "agent_steps")


def main() -> None:
    args = parse_arguments()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    samples = soak(out, 60 * args.minutes, args.world, args.num_envs, args.every)
    faults = report(samples)
    plot(samples, out / "soak.png")
    print(f"{len(samples)} samples in {out / 'samples.jsonl'}, plot {out / 'soak.png'}")
    sys.exit(bool(faults))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--world", default="forage")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--every", type=float, default=5, help="seconds between samples (default: %(default)s)")
    parser.add_argument("--out", default="out/soak", help="directory, of which the run's is a part")
    return parser.parse_args()


def soak(out: Path, seconds: float, world: str, num_envs: int, every: float) -> list[dict[str, float]]:
    """Train for that long and return the samples, which are written to `samples.jsonl` as they come."""
    import jax

    from metta_jax.config import SimulationSuiteConfig
    from metta_jax.monitor import CsvLog, DuckDbLog, Logger, TensorBoardLog
    from metta_jax.trainer import train

    compiled = [0]

    def count(event: str, duration_secs: float, **_: str | int) -> None:
        compiled[0] += event == "/jax/core/compile/backend_compile_duration"

    jax.monitoring.register_event_duration_secs_listener(count)

    class Steps(Logger):
        """How far the run is."""

        last = 0

        def log(self, metrics: Mapping[str, Any], step: int) -> None:
            self.last = step

    steps = Steps()
    samples: list[dict[str, float]] = []
    ended = threading.Event()
    start = time.monotonic()

    def sample() -> None:
        with (out / "samples.jsonl").open("w") as lines:
            while not ended.wait(every):
                row = {"seconds": time.monotonic() - start} | readings(compiled[0], steps.last)
                samples.append(row)
                lines.write(json.dumps(row) + "\n")
                lines.flush()

    run = out / "run"
    run.mkdir(parents=True, exist_ok=True)
    logs: list[Logger] = [
        CsvLog(run / "metrics.csv"),
        DuckDbLog(run / "metrics.duckdb", run="soak"),
        TensorBoardLog(run / "tensorboard"),
    ]
    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        train(
            world,
            num_envs=num_envs,
            run_dir=str(run),
            total_timesteps=10**12,
            resume=False,
            show_progress=False,
            max_seconds=seconds,
            loggers=[*logs, steps],
            suite=SimulationSuiteConfig.model_validate(
                {"name": "soak", "simulations": {"soak/world": {"env": world, "num_episodes": 2, "max_time_s": 5}}}
            ),
            checkpoint={"checkpoint_interval": 5},
            simulation={"evaluate_interval": 10, "replay_interval": 20},
        )
    finally:
        ended.set()
        sampler.join()
        for log in logs:
            log.close()
    return samples


def readings(num_compiled: int, agent_steps: int) -> dict[str, float]:
    """Of this process, now."""
    import psutil

    process = psutil.Process()
    return {
        "memory_mb": process.memory_info().rss / 1e6,
        "open_files": process.num_fds(),
        "memory_maps": sum(1 for _ in Path("/proc/self/maps").open()),
        "compiled": num_compiled,
        "agent_steps": agent_steps,
    }


def report(samples: list[dict[str, float]], say: Callable[[str], None] = print) -> list[str]:
    """Print the medians of the thirds, and return what grows."""
    third = len(samples) // 3
    if third < 3:
        raise ValueError(f"samples: {len(samples)} are too few to compare thirds of them")
    middle, last = samples[third : 2 * third], samples[2 * third :]
    faults = []
    say(f"{'':14} {'first third':>14} {'middle':>14} {'last':>14}")
    for field in FIELDS:
        first, before, after = (median(row[field] for row in part) for part in (samples[:third], middle, last))
        grows = {
            "open_files": after > before + MORE_FILES,
            "compiled": last[-1][field] > middle[0][field],
            "agent_steps": False,
        }.get(field, after > before * GROWTH.get(field, 1.0))
        faults += [field] * grows
        say(f"{field:14} {first:14,.0f} {before:14,.0f} {after:14,.0f}{'   grows' if grows else ''}")
    if samples[-1]["agent_steps"] <= middle[0]["agent_steps"]:
        faults.append("the run stands still")
    return faults


def plot(samples: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(FIELDS), 1, sharex=True, figsize=(8, 9))
    for axis, field in zip(axes, FIELDS, strict=True):
        axis.plot([row["seconds"] / 60 for row in samples], [row[field] for row in samples])
        axis.set_ylabel(field.replace("_", " "))
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
