"""A run at a glance as a PNG: reward, losses, entropy and speed, a panel each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metta_jax.monitor.learning_curve import COLORS, new_figure, plot_reward, save, say_empty, series, style
from metta_jax.monitor.logger import storable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOSSES = ("losses/policy_loss", "losses/value_loss")


def plot_run(
    records: Sequence[Mapping[str, Any]], path: str | os.PathLike[str], *, title: str = "", smoothing: float = 0.8
) -> Path:
    """Draw overview/reward, the policy and value loss, losses/entropy and overview/sps against agent steps.

    Args:
      records: one mapping an update with the key `step`, as `read_json_lines` returns them; missing and None values are
        skipped.
      path: where to write the PNG; directories are created.
      title: over the picture.
      smoothing: weight of the past in the bold reward line, 0..1; the pale line is what was measured.

    A panel without any value says so.
    """
    from matplotlib.ticker import EngFormatter  # loads Matplotlib, which training does not wait for

    figure = new_figure(11, 7.5)
    (reward, losses), (entropy, speed) = figure.subplots(2, 2)
    if title:
        figure.suptitle(storable(title), fontsize=12, parse_math=False)
    plot_reward(reward, *series(records, "step", "overview/reward"), smoothing)
    _plot(losses, records, _LOSSES)
    _plot(entropy, records, ("losses/entropy",))
    _plot(speed, records, ("overview/sps",))
    speed.yaxis.set_major_formatter(EngFormatter(sep=""))
    speed.set_ylim(bottom=0)  # otherwise the noise of the machine would fill the panel
    titles = ("reward per agent and episode", "losses", "entropy", "agent steps a second")
    for axes, text in zip((reward, losses, entropy, speed), titles, strict=True):
        axes.set_title(text, fontsize=10)
        style(axes)
    return save(figure, path)


def _plot(axes: Axes, records: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    shown = []
    for key in keys:
        steps, values = series(records, "step", key)
        if len(steps):
            name = key.rpartition("/")[2]
            axes.plot(steps, values, label=name.replace("_", " "), color=COLORS.get(name), linewidth=1.5)
            shown.append(values)
    if not shown:
        say_empty(axes, "nothing was logged yet")
        return
    # The first updates (a fresh network, compilation) would press everything after them onto the axis.
    low, high = np.percentile(np.concatenate(shown), [2, 98])
    margin = 0.1 * (high - low) or 1e-3
    axes.set_ylim(low - margin, high + margin)
    if len(keys) > 1:
        axes.legend(frameon=False, fontsize=9, loc="best")
