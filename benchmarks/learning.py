"""Learning: reward against agent steps and against seconds, next to the original trainer's recorded curve.

    python benchmarks/learning.py [--case fast-A-512] [--minibatch-size 512] [--seeds 0 1 2] [--steps 4400000]
                                  [--dtype float32] [--engine-path narrow] [--devices 1] [--json FILE] [--png FILE]

By default world forage4 (the most an agent can earn is 30) under the original's default hyperparameters; of other cases
there is no recorded curve. First episodes are staggered. Every seed is a process of its own.

Reward is per agent and episode, the mean over the last 100 finished episodes, as in the record. It does not say whether
an episode of four agents counts once or four times. Four times fits its first points, when most episodes are cut short,
and is what is read and drawn here; the last column of the table counts it once, and lags behind.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# The original trainer, one run, on two cores of a machine with a branchy rate of 2.85 (yardstick.py): world forage4,
# agent fast, 64 environments, batch 16,384, minibatch 512.
ORIGINAL_STEPS = tuple(
    1e6 * x for x in (0.33, 0.64, 0.95, 1.26, 1.57, 1.88, 2.20, 2.51, 2.82, 3.13, 3.44, 3.75, 4.06, 4.37)
)
ORIGINAL_REWARD = (0.86, 1.48, 2.56, 3.50, 3.89, 4.14, 4.56, 5.45, 5.66, 5.69, 7.06, 8.37, 8.53, 8.12)
ORIGINAL_SECONDS = (56, 110, 166, 245, 300, 357, 410, 464, 521, 577, 634, 684, 734, 782)
RECORDED_CASE = "fast-A-512"
RECORDED_AGENTS = 4  # of an environment
# Of agents that draw an action uniformly, and then its argument, in full episodes.
RANDOM_REWARD = {RECORDED_CASE: 0.8, "fast-B-full": 0.12}
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
        "engine_path": args.engine_path,
        "minibatch_size": args.minibatch_size,
        "devices": args.devices,
        "curves": curves,
    }
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if args.png:
        print(f"picture: {draw(curves, args.png, args.case, args.dtype)}")


def parse_arguments() -> argparse.Namespace:
    from benchmarks.training_cases import LEARNING_CASES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(LEARNING_CASES), default=RECORDED_CASE, help="default: %(default)s")
    parser.add_argument("--minibatch-size", type=int, help="instead of the case's")
    parser.add_argument(
        "--devices", type=int, default=1, help="parts that a CPU is divided into (default: %(default)s)"
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="default: %(default)s")
    parser.add_argument("--engine-path", choices=["wide", "narrow"], help="default: what the device prefers")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=4_400_000, help="agent steps of a run (default: %(default)s)")
    parser.add_argument("--json", help="write all curves into this file")
    parser.add_argument("--png", help="draw the curves into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    """Train, and print a JSON line for every rollout: agent steps, seconds, the agents' episodes that ended in it."""
    import jax

    from benchmarks.training_cases import LEARNING_CASES, make
    from metta_jax.api import shard_training

    jax.config.update("jax_num_cpu_devices", args.devices)
    start = time.perf_counter()
    case, (seed,) = LEARNING_CASES[args.case], args.seeds
    if args.minibatch_size:
        case = case._replace(minibatch_size=args.minibatch_size)
    training = shard_training(make(case, args.dtype, seed=seed, engine_path=args.engine_path))
    state = training.init(jax.random.key(seed))
    num_agents = training.plan.agents_per_env
    while int(state.agent_step) < args.steps:
        state, metrics = training.train_step(state)
        point = {
            "agent_steps": int(state.agent_step),
            "seconds": time.perf_counter() - start,
            "episodes": int(metrics["episode/count"]) * num_agents,
            "return_sum": float(metrics["episode/return_sum"]) * num_agents,
        }
        print(json.dumps(point), flush=True)


def run_worker(args: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """The curve of one seed; shows where it is."""
    command = [sys.executable, __file__, "--worker", "--case", args.case, "--dtype", args.dtype]
    command += ["--seeds", str(seed), "--steps", str(args.steps), "--devices", str(args.devices)]
    if args.minibatch_size:
        command += ["--minibatch-size", str(args.minibatch_size)]
    if args.engine_path:
        command += ["--engine-path", args.engine_path]
    curve = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for text in worker.stdout:
            curve.append(json.loads(text))
            curve[-1]["reward"] = mean_reward(curve)
            if len(curve) % 20 == 0 and curve[-1]["reward"] is not None:
                point = curve[-1]
                place = f"{point['agent_steps']:9,} steps {point['seconds']:6.0f} s"
                print(f"seed {seed}: {place} reward {point['reward']:.2f}", flush=True)
    if worker.returncode:
        sys.exit(f"seed {seed} failed")
    return curve


def mean_reward(curve: list[dict[str, Any]], episodes: int = EPISODES) -> float | None:
    """Over the last rollouts of a curve in which so many episodes of an agent ended, or all; None if none ended."""
    count, total = 0, 0.0
    for point in reversed(curve):
        count, total = count + point["episodes"], total + point["return_sum"]
        if count >= episodes:
            break
    return total / count if count else None


def reached(curve: list[dict[str, Any]], step: float) -> list[dict[str, Any]]:
    """The curve up to the first rollout that reached `step`; [] if none did."""
    return next((curve[: index + 1] for index, point in enumerate(curve) if point["agent_steps"] >= step), [])


def report(curves: dict[int, list[dict[str, Any]]]) -> None:
    seeds = "".join(f"{f'seed {seed}':>9}" for seed in curves)
    print(
        f"\n{'agent steps':>11} {'original':>9}{seeds} {'mean':>9} {'original s':>11} {'ours s':>8} {'mean, once':>11}"
    )
    for step, reward, seconds in zip(ORIGINAL_STEPS, ORIGINAL_REWARD, ORIGINAL_SECONDS, strict=True):
        parts = [reached(curve, step) for curve in curves.values()]
        if not all(parts):
            break
        ours = [mean_reward(part) or 0.0 for part in parts]
        once = [mean_reward(part, EPISODES * RECORDED_AGENTS) or 0.0 for part in parts]
        took = [part[-1]["seconds"] for part in parts]
        rewards = "".join(f"{value:9.2f}" for value in (reward, *ours, mean(ours)))
        print(f"{step:11,.0f} {rewards} {seconds:11.0f} {mean(took):8.0f} {mean(once):11.2f}")


def report_alone(curves: dict[int, list[dict[str, Any]]]) -> None:
    """About twenty points of the curves, and their mean."""
    seeds = "".join(f"{f'seed {seed}':>9}" for seed in curves)
    print(f"\n{'agent steps':>11}{seeds} {'mean':>9} {'seconds':>8}")
    rollouts = [points for points in zip(*curves.values(), strict=True) if all(p["reward"] is not None for p in points)]
    for points in rollouts[-1 :: -max(len(rollouts) // 20, 1)][::-1]:
        ours = [point["reward"] for point in points]
        rewards = "".join(f"{value:9.2f}" for value in (*ours, mean(ours)))
        print(f"{points[0]['agent_steps']:11,} {rewards} {mean(point['seconds'] for point in points):8.0f}")


def draw(curves: dict[int, list[dict[str, Any]]], path: str, case: str, dtype: str) -> str:
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
    by_seconds.set_xlabel("seconds" + " (the original's on the machine of its record)" * (case == RECORDED_CASE))
    for axes in (by_steps, by_seconds):
        if case in RANDOM_REWARD:
            axes.axhline(RANDOM_REWARD[case], color="#888888", linewidth=1, linestyle=":", label="random agents")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    by_steps.legend(frameon=False)
    figure.savefig(path)
    return path


if __name__ == "__main__":
    main()
