"""The table and the picture of `benchmarks/accelerator.py`, from its rows."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.learning import ORIGINAL_REWARD, ORIGINAL_STEPS, mean_reward

Row = dict[str, Any]

COLUMNS = (
    f"{'what':11} {'case':24} {'envs':>6} {'agent-steps/s':>14} {'compile s':>9} {'program GB':>10} {'peak GB':>8}"
    "  result"
)


def line(row: Row) -> str | None:
    """A line of the table; None for rows that are none of their own."""
    if row["what"] == "machine":
        return "\n".join(f"{name}: {value}" for name, value in row.items() if name != "what")
    if row["what"] in ("learning_point", "end"):
        return None
    case = row.get("case") or f"{row['agent']} {row['dtype']} {row['world']}"
    envs = f"{row['num_envs']:,}" if "num_envs" in row else ""
    peak = _gigabytes(row, "peak_bytes") if row.get("peak_is_of_this_case", True) else ""
    return (
        f"{row['what']:11} {case:24} {envs:>6} {_number(row, 'agent_steps_per_s', ',.0f'):>14} "
        f"{_number(row, 'compile_s', '.1f'):>9} {_gigabytes(row, 'program_bytes'):>10} {peak:>8}  {_result(row)}"
    ).rstrip()


def curve(rows: list[Row]) -> list[Row]:
    """The points of the learning curve, each with its reward: the mean of about the last 100 episodes of agents."""
    points: list[Row] = []
    for row in rows:
        if row["what"] == "learning_point":
            points.append(dict(row))
            points[-1]["reward"] = mean_reward(points)
    return points


def draw(rows: list[Row], path: Path) -> None:
    """Rates of steps and of training over the number of environments, and the learning curve."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    machine = next((row for row in rows if row["what"] == "machine"), {})
    figure.suptitle(f"{machine.get('device', '')}, jax {machine.get('jax', '')}")
    stepping, training, learning = figure.subplots(1, 3)
    _rates(stepping, [row for row in rows if row["what"] == "stepping"], lambda row: row["case"])
    stepping.set_title("engine: random play, auto-reset")
    _rates(training, [row for row in rows if row["what"] == "training"], lambda row: f"{row['agent']} {row['dtype']}")
    training.set_title("train_step")
    known = [point for point in curve(rows) if point["reward"] is not None]
    learning.plot(
        ORIGINAL_STEPS, ORIGINAL_REWARD, color="#333333", linewidth=2, label="original trainer, 64 environments"
    )
    envs = next((row["num_envs"] for row in rows if row["what"] == "learning"), "")
    steps, rewards = [point["agent_steps"] for point in known], [point["reward"] for point in known]
    learning.plot(steps, rewards, label=f"metta_jax, {envs} environments")
    learning.set_title("learning: reward per agent and episode")
    learning.set_xlabel("agent-steps")
    learning.legend(frameon=False)
    for axes in (stepping, training, learning):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _rates(axes: Any, rows: list[Row], label_fn: Any) -> None:
    measured = [row for row in rows if row.get("agent_steps_per_s")]
    for label in dict.fromkeys(map(label_fn, measured)):
        points = sorted((row["num_envs"], row["agent_steps_per_s"]) for row in measured if label_fn(row) == label)
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    if measured:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.legend(frameon=False)
    axes.set_xlabel("environments")
    axes.set_ylabel("agent-steps a second")


def _result(row: Row) -> str:
    if row["what"] == "conformance" and row["status"] == "ok":
        return row["result"]
    if row["what"] == "learning" and "agent_steps" in row:
        return f"{row['status']}, {row['agent_steps']:,} agent-steps in {row['seconds']:.0f} s"
    return f"{row['status']}: {row['detail']}" if "detail" in row else row["status"]


def _number(row: Row, name: str, form: str) -> str:
    return format(row[name], form) if row.get(name) is not None else ""


def _gigabytes(row: Row, name: str) -> str:
    return f"{row[name] / 1e9:.2f}" if row.get(name) is not None else ""
