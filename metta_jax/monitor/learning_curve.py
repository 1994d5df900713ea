"""The learning curve of a run as a PNG."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metta_jax.monitor.logger import storable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS_KEYS = ("losses/policy_loss", "losses/value_loss", "losses/entropy")

COLORS = {"reward": "#2a6f97", "policy_loss": "#bc4749", "value_loss": "#6a994e", "entropy": "#8d99ae"}


def plot_learning_curve(
    records: Sequence[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    step_key: str = "step",
    reward_key: str = "overview/reward",
    loss_keys: Sequence[str] = LOSS_KEYS,
    smoothing: float = 0.8,
) -> Path:
    """Draw reward and losses against agent steps and write a PNG.

    Args:
      records: one mapping an update, as `monitor.read_json_lines` returns them; missing and None values are skipped.
      path: where to write; directories are created.
      title: over the picture.
      step_key, reward_key, loss_keys: keys in the records. Entropy has an axis of its own at the right.
      smoothing: weight of the past in the bold reward line, 0..1; the pale line is what was measured.

    A panel without any value says so.
    """
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    if title:
        figure.suptitle(storable(title), fontsize=12, parse_math=False)

    plot_reward(left, *series(records, step_key, reward_key), smoothing)
    left.set_title("reward per agent and episode", fontsize=10)
    _plot_losses(right, records, step_key, loss_keys)
    right.set_title("losses", fontsize=10)
    for axes in (left, right):
        style(axes)
    return save(figure, path)


def plot_reward(axes: Axes, steps: NDArray[np.float64], rewards: NDArray[np.float64], smoothing: float) -> None:
    """A pale line of what was measured, a bold one of its average."""
    if not len(steps):
        say_empty(axes, "no episode has ended yet")
        return
    axes.plot(steps, rewards, color=COLORS["reward"], alpha=0.3, linewidth=1)
    axes.plot(steps, smooth(rewards, smoothing), color=COLORS["reward"], linewidth=2.2)
    axes.set_ylim(bottom=min(0.0, float(rewards.min())))


def _plot_losses(axes: Axes, records: Sequence[Mapping[str, Any]], step_key: str, keys: Sequence[str]) -> None:
    lines, shown = [], []
    for key in keys:
        steps, values = series(records, step_key, key)
        if not len(steps):
            continue
        name = key.rpartition("/")[2]
        # Entropy is a hundred times larger than the losses: on one axis they would be flat lines at zero.
        target = axes.twinx() if name == "entropy" else axes
        target.spines[["top"]].set_visible(False)
        if target is axes:
            shown.append(values)
        else:
            target.set_ylabel("entropy", color=COLORS["entropy"])
        lines += target.plot(steps, values, label=name.replace("_", " "), color=COLORS.get(name), linewidth=1.5)
    if shown:
        # The first value losses of a fresh network would press everything after them onto the axis.
        low, high = np.percentile(np.concatenate(shown), [2, 95])
        margin = 0.1 * (high - low) or 1e-3
        axes.set_ylim(low - margin, high + margin)
    if lines:
        axes.legend(handles=lines, frameon=False, fontsize=9, loc="best")
    else:
        say_empty(axes, "no update has ended yet")


def new_figure(width: float, height: float) -> Figure:
    """An empty picture; sizes in inches."""
    # Matplotlib takes a second to load: training begins without it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style(axes: Axes) -> None:
    """A panel over agent steps."""
    from matplotlib.ticker import EngFormatter

    axes.set_xlabel("agent steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the picture; directories are created."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def say_empty(axes: Axes, text: str) -> None:
    """A text in the middle of a panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="gray")


def series(
    records: Sequence[Mapping[str, Any]], step_key: str, key: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of the records that have the value."""
    pairs = [(record[step_key], record[key]) for record in records if record.get(key) is not None]
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def smooth(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Exponential average whose start is unbiased: the first value weighs no more than any other."""
    smoothed = np.empty_like(values)
    total, norm = 0.0, 0.0
    for index, value in enumerate(values):
        total = weight * total + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        smoothed[index] = total / norm
    return smoothed
