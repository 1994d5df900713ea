"""What programs cost an accelerator, without having one: compiled for CUDA or TPU, counted, and priced by a model.

    make accelerators
    python benchmarks/deviceless.py [--platform cuda] [--num-envs 256 1024 8192 65536] [--agents fast default]
                                    [--shapes 1024] [--horizon 64] [--json FILE] [--picture FILE]

Needs the compiler of the platform (`make accelerators` puts it into a directory of its own), but no device. For each
program: kernels and bytes of one run with loops counted as often as they turn (those that the data decide as often as
in random play on the CPU), copies of more than 10 MB inside loops, scatters that a GPU does by compare-and-swap, the
memory that it needs in addition to its inputs, and seconds by a model: kernels one after another, each as long as its
launch or its bytes, 15 us for every number that the host waits for, and products at half of the data sheet's rate.

The model knows no caches and no overlap. It is good for ratios and for seeing what a change costs, not for a promise.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

XLA_FLAGS = "--xla_gpu_autotune_level=0"  # nothing can be tried out without a device
TPU_SETTINGS = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def main() -> None:
    args = parse_arguments()
    os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {XLA_FLAGS}"}
    if args.platform == "tpu":
        os.environ |= TPU_SETTINGS
    from benchmarks import compiled_programs as programs
    from benchmarks.cards import CARDS

    print(f"{programs.WORLD}, compiled for {args.platform}, jax {programs.jax.__version__}", flush=True)
    rounds = {n: programs.rounds_of(n) for n in sorted({*args.num_envs, args.train_envs, args.shapes} - {0})}
    for n, turns in rounds.items():
        print(f"turns in a step of {n} environments: {', '.join(f'{name} {mean:.2f}' for name, mean in turns.items())}")
    rates = " ".join(f"{f'{card.name} M/s':>17}" for card in CARDS)
    print(
        f"\n{'program':20} {'envs':>6} {'compile s':>9} {'kernels':>8} {'KB/a-step':>9} {'copies':>6} {'CAS':>3} "
        f"{'temp MB':>8} {rates}",
        flush=True,
    )
    device = programs.topology(args.platform)
    rows = []
    for n in args.num_envs:
        rows.append(show(programs.measure("step", n, *programs.step_program(n), device, rounds[n])))
    for shape in programs.SHAPES if args.shapes else ():
        program = programs.shape_program(args.shapes, *shape)
        name = "step {} {} {}".format(*shape)
        rows.append(show(programs.measure(name, args.shapes, *program, device, rounds[args.shapes])))
    for agent in args.agents:
        program = programs.train_program(args.train_envs, agent, args.horizon)
        rows.append(
            show(programs.measure(f"train_step {agent}", args.train_envs, *program, device, rounds[args.train_envs]))
        )
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    if args.picture:
        draw(rows, args.picture, f"{CARDS[0].name} by the model")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=["cuda", "tpu"], default="cuda")
    parser.add_argument("--num-envs", nargs="*", type=int, default=[256, 1024, 8192, 65536])
    parser.add_argument(
        "--shapes", type=int, default=1024, help="environments of steps with other agents, windows and tokens; 0: none"
    )
    parser.add_argument("--agents", nargs="*", default=["fast", "default"], help="whose train_step is compiled")
    parser.add_argument("--train-envs", type=int, default=8192, help="environments of a train_step")
    parser.add_argument("--horizon", type=int, default=64, help="steps of a rollout (default: %(default)s)")
    parser.add_argument("--json", help="write one row per program into this file")
    parser.add_argument("--picture", help="draw seconds by stage into this file")
    return parser.parse_args()


def show(row: dict[str, Any]) -> dict[str, Any]:
    rates = [f"{'/'.join(f'{rate / 1e6:.3g}' for rate in pair):>17}" for pair in row["agent_steps_per_s"].values()]
    print(
        f"{row['program']:20} {row['num_envs']:6} {row['compile_s']:9.1f} {row['kernels']:8,.0f} "
        f"{row['bytes_per_agent_step'] / 1e3:9.1f} {row['big_copies_in_loops']:6} {row['slow_scatters']:3} "
        f"{row['temp_bytes'] / 1e6:8,.0f} {' '.join(rates)}",
        flush=True,
    )
    return row


def draw(rows: list[dict[str, Any]], path: str, machine: str) -> None:
    """Seconds by stage, a bar a program."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    names = sorted({stage for row in rows for stage in row["stages"]})
    colors = dict(zip(names, plt.get_cmap("tab20").colors, strict=False))  # type: ignore[attr-defined]
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.5 * len(rows)))
    for place, row in enumerate(rows):
        whole, left = sum(stage["seconds"] for stage in row["stages"].values()), 0.0
        for name, stage in row["stages"].items():
            axes.barh(place, stage["seconds"] / whole, left=left, color=colors[name])
            left += stage["seconds"] / whole
        axes.text(1.01, place, f"{whole * 1e3:,.{0 if whole > 0.1 else 2}f} ms", va="center")
    axes.set_yticks(range(len(rows)), [f"{row['program']}, {row['num_envs']:,}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_title(f"Seconds by stage: {machine}, one launch at a time")
    handles = [Rectangle((0, 0), 1, 1, color=color) for color in colors.values()]
    figure.legend(handles, list(colors), loc="lower center", ncols=6, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.5 / (1.6 + 0.5 * len(rows)), 0.92, 1))
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
