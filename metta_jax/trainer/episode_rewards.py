"""The reward of a full episode, from rollouts in which many episodes are cut short."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any


class EpisodeRewards:
    """Mean reward of an agent in a full episode, over the episodes that ended in the last `window` rollouts.

    First episodes get random lengths, so that environments do not end together, and have time for less. Rewards are
    scaled by length; while most episodes are short that says little, and nothing is said.

    Args:
      max_steps: of a full episode; 0: episodes have no limit, and nothing is scaled.
    """

    def __init__(self, max_steps: int, window: int = 10) -> None:
        self._max_steps = max_steps
        self._ended: deque[tuple[float, float, float]] = deque(maxlen=window)

    def add(self, metrics: Mapping[str, Any]) -> float | None:
        """The mean after one more update; None if it is not known yet.

        Args:
          metrics: with episode/count, episode/length_sum and episode/return_sum, as `training.update` returns them.
        """
        names = ("episode/count", "episode/length_sum", "episode/return_sum")
        count, length, reward = (float(metrics[name]) for name in names)
        self._ended.append((count, length, reward))
        count, length, reward = (sum(column) for column in zip(*self._ended, strict=True))
        if count == 0:
            return None
        if self._max_steps == 0:
            return reward / count
        return self._max_steps * reward / length if length > 0.5 * self._max_steps * count else None
