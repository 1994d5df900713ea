"""The results of a population: rewards of the members, a ranking, a table, a plot."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metta_jax.monitor.learning_curve import new_figure, save, style

_COUNTED = ("episode/share_sum", "episode/return_sum")


class PopulationResults:
    """The reward of each member over the updates of a population.

    The reward is that of an agent in a full episode, over the episodes that ended in the last `window` updates: sum of
    returns / sum of the shares of the step limit that they lasted, as `EpisodeRewards` has it. NaN until one has ended.

    Args:
      settings: named values that the table shows for each member; its length is P.
      window: in updates.
    """

    def __init__(self, settings: Sequence[Mapping[str, Any]], *, window: int = 10) -> None:
        self.settings = [dict(one) for one in settings]
        self.steps: list[int] = []
        self._history: list[NDArray[np.float64]] = []
        self._ended: deque[NDArray[np.float64]] = deque(maxlen=window)

    def add(self, metrics: Mapping[str, Any], agent_step: int) -> NDArray[np.float64]:
        """Take the metrics of an update, `[P]` each, after `agent_step` steps of each member; returns `rewards`."""
        counts = np.stack([np.asarray(metrics[name], np.float64) for name in _COUNTED])
        if counts.shape[1:] != (len(self.settings),):
            raise ValueError(f"metrics: of {counts.shape[1:]} members, not of {len(self.settings)}")
        self._ended.append(counts)
        shares, returns = np.sum(self._ended, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            rewards = np.where(shares > 0, returns / shares, np.nan)
        self.steps.append(int(agent_step))
        self._history.append(rewards)
        return rewards

    @property
    def rewards(self) -> NDArray[np.float64]:
        """Of each member in each update, float64 [updates, P]."""
        return np.stack(self._history) if self._history else np.zeros((0, len(self.settings)))

    def order(self) -> list[int]:
        """Members by their last reward, best first; those without one last."""
        last = self.rewards[-1] if self._history else np.zeros(len(self.settings))
        return [int(i) for i in np.argsort(np.where(np.isnan(last), np.inf, -last), kind="stable")]

    def table(self) -> str:
        """A line for each member, the best first: its number, its reward, its settings."""
        names = list(dict.fromkeys(name for one in self.settings for name in one))
        last = self.rewards[-1] if self._history else np.full(len(self.settings), np.nan)
        lines = [["member", "reward", *names]]
        for i in self.order():
            values = [self.settings[i].get(name, "") for name in names]
            lines.append([str(i), f"{last[i]:.4f}", *(f"{x:.4g}" if isinstance(x, float) else str(x) for x in values)])
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        return "\n".join(
            "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines
        )

    def plot(self, path: str | os.PathLike[str], *, title: str = "") -> Path:
        """Draw the rewards of all members over their agent steps, the best one bold, and write a PNG."""
        figure = new_figure(7, 4.2)
        axes = figure.subplots()
        rewards, best = self.rewards, self.order()[0]
        for i in [*(i for i in range(len(self.settings)) if i != best), best]:
            is_best = i == best
            label = ", ".join(f"{name} {value:.3g}" for name, value in self.settings[i].items()) if is_best else None
            options: dict[str, Any] = {"color": "#2a6f97" if is_best else "#b0b8c0", "linewidth": 2 if is_best else 1}
            axes.plot(self.steps, rewards[:, i], label=label, **options)
        axes.set_xlabel("agent steps of each member")
        axes.set_title(title or "reward per agent and episode", fontsize=10)
        if self.settings[best]:
            axes.legend(fontsize=8)
        style(axes)
        return save(figure, path)
