"""Summary statistics of episodes, with the same names everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def episode_numbers(reward_sums: Sequence[float], lengths: Sequence[int], num_agents: int) -> dict[str, float]:
    """Means and standard deviations over episodes; deviations divide by the number of episodes.

    Args:
      reward_sums: for each episode, the total reward of its agents, before group sharing.
      lengths: of each episode, in steps.
      num_agents: agents in every episode.

    Returns:
      {"mean_reward_sum", "std_reward_sum", "mean_reward_per_agent", "std_reward_per_agent", "mean_length",
      "std_length"}, and "mean_reward" and "std_reward", the original's names of the sums.
    """
    mean, std = float(np.mean(reward_sums)), float(np.std(reward_sums))
    return {
        "mean_reward": mean,
        "std_reward": std,
        "mean_reward_sum": mean,
        "std_reward_sum": std,
        "mean_reward_per_agent": mean / num_agents,
        "std_reward_per_agent": std / num_agents,
        "mean_length": float(np.mean(lengths)),
        "std_length": float(np.std(lengths)),
    }
