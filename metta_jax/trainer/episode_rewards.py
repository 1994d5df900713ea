"""The reward of a full episode, from rollouts in which many episodes are cut short."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any


class EpisodeRewards:
    """Mean reward of an agent in a full episode, over the episodes that ended in the last `window` rollouts.

    First episodes get random lengths, so that environments do not end together, and have less time for rewards. So each
    episode is weighted by the share of its task's step limit that it lasted: sum of rewards / sum of shares, which for
    full episodes is the plain mean, whatever the limits. The first estimates are rough: they are of a few short ones.
    """

    def __init__(self, window: int = 10) -> None:
        self._ended: deque[tuple[float, float]] = deque(maxlen=window)

    def add(self, metrics: Mapping[str, Any]) -> float | None:
        """The mean after one more update; None if no episode has ended in the window.

        Args:
          metrics: with episode/share_sum and episode/return_sum, as `training.update` returns them.
        """
        names = ("episode/share_sum", "episode/return_sum")
        share, reward = (float(metrics[name]) for name in names)
        self._ended.append((share, reward))
        share, reward = (sum(column) for column in zip(*self._ended, strict=True))
        return reward / share if share > 0 else None
