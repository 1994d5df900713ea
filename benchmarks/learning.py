"""Learning: reward against agent steps and against seconds, beside the original trainer's recorded curve.

    python benchmarks/learning.py [--case fast-A-512] [--minibatch-size 512] [--seeds 0 1 2] [--steps 4400000]
                                  [--devices 1] [--json FILE] [--png FILE]

By default world forage4 (the most an agent can earn is 30) under the original's default hyperparameters; of other cases
there is no recorded curve. Reward is per agent and episode, the mean over the last 100 finished episodes, as in the
recorded curve; first episodes are staggered. Every seed is a process of its own.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# The original trainer, one run, on two cores of a machine with a branchy rate of 2.85 (yardstick.py): world forage4,
# agent fast, 64 environments, batch 16,384, minibatch 512.
ORIGINAL_STEPS = tuple(
    1e6 * x for x in (0.33, 0.64, 0.95, 1.26, 1.57, 1.88, 2.20, 2.51, 2.82, 3.13, 3.44, 3.75, 4.06, 4.37)
)
ORIGINAL_REWARD = (0.86, 1.48, 2.56, 3.50, 3.89, 4.14, 4.56, 5.45, 5.66, 5.69, 7.06, 8.37, 8.53, 8.12)
ORIGINAL_SECONDS = (56, 110, 166, 245, 300, 357, 410, 464, 521, 577, 634, 684, 734, 782)
RECORDED_CASE = "fast-A-512"
EPISODES = 100


def main() -> None:
    args = parse_arguments()
    if args.worker:
        run(args)
        return
    import jax

    machine = f"{platform.machine()}, Python {platform.python_version()}, jax {jax.__version__}, {jax.devices()}"
    print(machine, flush=True)
    curves = {seed: run_worker(args, seed) for seed in args.seeds}
    if args.case == RECORDED_CASE:
        report(curves)
    else:
        report_alone(curves)
    result = {
        "machine": machine,
        "case": args.case,
        "dtype": args.dtype,
        "minibatch_size": args.minibatch_size,
        "devices": args.devices,
        "curves": curves,
    }
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if args.png:
        print(f"picture: {draw(curves, args.png, args.case, args.dtype)}")


def parse_arguments() -> argparse.Namespace:
    from benchmarks.training_cases import CASES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), default=RECORDED_CASE, help="default: %(default)s")
    parser.add_argument("--minibatch-size", type=int, help="instead of the case's")
    parser.add_argument(
        "--devices", type=int, default=1, help="parts that a CPU is divided into (default: %(default)s)"
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="default: %(default)s")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=4_400_000, help="agent steps of a run (default: %(default)s)")
    parser.add_argument("--json", help="write all curves into this file")
    parser.add_argument("--png", help="draw the curves into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    """Trains, and prints a JSON line for every rollout: agent steps, seconds, reward."""
    import jax

    from benchmarks.training_cases import CASES, make
    from metta_jax.api import shard_training

    jax.config.update("jax_num_cpu_devices", args.devices)
    start = time.perf_counter()
    case, (seed,) = CASES[args.case], args.seeds
    if args.minibatch_size:
        case = case._replace(minibatch_size=args.minibatch_size)
    training = shard_training(make(case, args.dtype, seed=seed))
    state = training.init(jax.random.key(seed))
    ended: deque[tuple[int, float]] = deque()  # episodes and summed rewards of the last rollouts
    while int(state.agent_step) < args.steps:
        state, metrics = training.train_step(state)
        ended.append((int(metrics["episode/count"]), float(metrics["episode/return_sum"])))
        while sum(count for count, _ in ended) - ended[0][0] >= EPISODES:
            ended.popleft()
        count, total = (sum(column) for column in zip(*ended, strict=True))
        step = int(state.agent_step)
        point = {
            "agent_steps": step,
            "seconds": time.perf_counter() - start,
            "reward": total / count if count else None,
        }
        print(json.dumps(point), flush=True)


def run_worker(args: argparse.Namespace, seed: int) -> list[dict]:
    """The curve of one seed; shows where it is."""
    command = [sys.executable, __file__, "--worker", "--case", args.case, "--dtype", args.dtype]
    command += ["--seeds", str(seed), "--steps", str(args.steps), "--devices", str(args.devices)]
    if args.minibatch_size:
        command += ["--minibatch-size", str(args.minibatch_size)]
    curve = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for text in worker.stdout:
            curve.append(json.loads(text))
            if len(curve) % 20 == 0 and curve[-1]["reward"] is not None:
                point = curve[-1]
                place = f"{point['agent_steps']:9,} steps {point['seconds']:6.0f} s"
                print(f"seed {seed}: {place} reward {point['reward']:.2f}", flush=True)
    if worker.returncode:
        sys.exit(f"seed {seed} failed")
    return curve


def reward_at(curve: list[dict], step: float) -> float | None:
    """Reward at the first rollout that reached `step`."""
    return next((point["reward"] for point in curve if point["agent_steps"] >= step), None)


def report(curves: dict[int, list[dict]]) -> None:
    seeds = "".join(f"{f'seed {seed}':>9}" for seed in curves)
    print(f"\n{'agent steps':>11} {'original':>9}{seeds} {'mean':>9} {'original s':>11} {'ours s':>8}")
    for step, reward, seconds in zip(ORIGINAL_STEPS, ORIGINAL_REWARD, ORIGINAL_SECONDS, strict=True):
        ours = [reward_at(curve, step) for curve in curves.values()]
        reached = [value for value in ours if value is not None]
        if len(reached) < len(ours):
            break
        took = [next(p["seconds"] for p in curve if p["agent_steps"] >= step) for curve in curves.values()]
        columns = "".join(f"{value:9.2f}" for value in reached)
        print(
            f"{step:11,.0f} {reward:9.2f}{columns} {sum(reached) / len(reached):9.2f} {seconds:11.0f} "
            f"{sum(took) / len(took):8.0f}"
        )


def report_alone(curves: dict[int, list[dict]]) -> None:
    """Twenty points of every curve."""
    for seed, curve in curves.items():
        print(f"\nseed {seed}\n{'agent steps':>11} {'reward':>9} {'seconds':>8}")
        known = [point for point in curve if point["reward"] is not None]
        for point in known[:: max(len(known) // 20, 1)]:
            print(f"{point['agent_steps']:11,} {point['reward']:9.3f} {point['seconds']:8.0f}")


def draw(curves: dict[int, list[dict]], path: str, case: str, dtype: str) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{case}, {dtype}: reward per agent and episode")
    by_steps, by_seconds = figure.subplots(1, 2, sharey=True)
    if case == RECORDED_CASE:
        by_steps.plot(ORIGINAL_STEPS, ORIGINAL_REWARD, color="#333333", linewidth=2, label="original trainer, 1 run")
        by_seconds.plot(ORIGINAL_SECONDS, ORIGINAL_REWARD, color="#333333", linewidth=2)
    for seed, curve in curves.items():
        known = [point for point in curve if point["reward"] is not None]
        reward = [point["reward"] for point in known]
        by_steps.plot(
            [p["agent_steps"] for p in known], reward, linewidth=1.2, alpha=0.9, label=f"metta_jax, seed {seed}"
        )
        by_seconds.plot([p["seconds"] for p in known], reward, linewidth=1.2, alpha=0.9)
    by_steps.set_xlabel("agent steps")
    by_seconds.set_xlabel("seconds (the original's on the machine of its record)")
    for axes in (by_steps, by_seconds):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    by_steps.legend(frameon=False)
    figure.savefig(path)
    return path


if __name__ == "__main__":
    main()
