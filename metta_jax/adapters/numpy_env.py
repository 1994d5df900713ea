"""An environment in NumPy arrays, for programs that know nothing of JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from metta_jax.adapters.checks import check_actions
from metta_jax.adapters.episode import Episode, Orders
from metta_jax.adapters.facade import EpisodeFacts
from metta_jax.adapters.game import GameSource, make_game


class NumpyEnv(EpisodeFacts):
    """One environment with A agents, in the calls of the original's own class. M observation tokens.

    Args:
      world: name of a world, configuration or Game, see `make_game`, which also takes `options`.
      orders: "random", or "original": the agents act in the orders that the original engine draws from the seed of
        `reset`, so that its runs on the same map repeat exactly.
      render_mode: None, "human", "ansi" or "rgb_array".
      options: maps, num_agents, width, height, items, num_maps, map_seed, stats, device.

    Raises:
      ValueError: an option is not one of those allowed.

    The only state is the running episode. For speed play batches: `Environment`.
    """

    def __init__(
        self,
        world: GameSource | None = None,
        *,
        orders: Orders = "random",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self._begin(Episode(make_game(world, **options), orders), render_mode)

    def reset(self, seed: int | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode: (observations uint8 [A, M, 3], {}).

        Args:
          seed: 0..2^32-1. The same seed gives the same episode, on the same map of the pool. None: the next one of the
            series that the last seed began.
        """
        observation = self._episode.reset(seed).observation.copy()
        self._show()
        return observation, {}

    def step(self, actions: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Play one step; never resets.

        Args:
          actions: int32 [A, 2], action index and argument of every agent; values outside of the action space fail as in
            the original.

        Returns:
          observations uint8 [A, M, 3], rewards float32 [A], terminals bool [A], truncations bool [A], infos: {} until
          the episode ends, then what `episode_info` lists.

        Raises:
          ValueError: `actions` has another shape or is not made of integers. RuntimeError: before the first reset.
        """
        step, info = self._episode.step(check_actions(actions, (self.grid.num_agents, 2)))
        self._show()
        observation, reward, terminated, truncated = (x.copy() for x in step[:4])
        return observation, reward, terminated, truncated, info
