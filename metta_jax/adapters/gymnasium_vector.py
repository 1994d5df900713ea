"""A batch of single-agent environments as a gymnasium VectorEnv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from metta_jax.adapters import programs
from metta_jax.adapters.checks import check_actions, check_seed
from metta_jax.adapters.episode_info import episode_info, for_gymnasium
from metta_jax.adapters.extras import require
from metta_jax.adapters.facade import GridFacts
from metta_jax.adapters.game import Game, GameSource, make_game
from metta_jax.adapters.process import check_process
from metta_jax.core.whole_numbers import whole_number
from metta_jax.mettagrid import EnvState, inspect

gym: Any = require("gymnasium")
require("gymnasium.vector")

Autoreset = Literal["same_step", "next_step"]
AUTORESETS = {
    "same_step": gym.vector.AutoresetMode.SAME_STEP,
    "next_step": gym.vector.AutoresetMode.NEXT_STEP,
}


class GymnasiumVectorEnv(GridFacts, gym.vector.VectorEnv):
    """N environments of one agent each, in one compiled step. M observation tokens.

    With autoreset "same_step", where an episode ends, the observation is the first of the next episode,
    `infos["final_obs"][i]` the last of the old one and `infos["final_info"]` what is known of it, with masks
    `_final_obs` and `_final_info`. With "next_step", the observation is the last of the old episode, and `infos` what
    is known of it; the next step begins an episode there: its action is ignored, and its reward is 0. Some of
    gymnasium's wrappers require one or the other.

    Args:
      world, options: as `NumpyEnv`.
      num_envs: N.
      autoreset: "same_step" or "next_step".

    Raises:
      ValueError: as `NumpyEnv`; `num_envs` is not positive; the world has more than one agent.
    """

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 - gymnasium's

    def __init__(
        self,
        world: GameSource | None = None,
        *,
        num_envs: int = 1,
        autoreset: Autoreset = "same_step",
        **options: Any,
    ) -> None:
        num_envs = whole_number("num_envs", num_envs, 1, "a positive integer")
        if autoreset not in AUTORESETS:
            raise ValueError(f"autoreset: {autoreset!r} is not one of {list(AUTORESETS)}")
        self._game: Game = make_game(world, **options)
        if self.grid.num_agents != 1:
            raise ValueError(
                f"num_agents: {self.grid.num_agents} is not 1; a vector of many agents: metta_jax's Environment"
            )
        self.metadata = {**self.metadata, "autoreset_mode": AUTORESETS[autoreset]}
        self.num_envs = num_envs
        self.render_mode = None
        batch_space = gym.vector.utils.batch_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._waits = autoreset == "next_step"
        self._state: EnvState | None = None
        self._success = self._done = np.zeros(num_envs, bool)
        self._seeds: list[int | None] = [None] * num_envs  # of episodes that began with a seed of their own
        self._num_resets = [0] * num_envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in every environment: (observations uint8 [N, M, 3], {}).

        Args:
          seed: environment i starts from seed + i (modulo 2^32), or from `seed[i]`, with the episode that
            `GymnasiumEnv` has for it.
          options: "reset_mask" is refused, as environments reset themselves; others are ignored.
        """
        check_process()
        if options and "reset_mask" in options:
            raise ValueError("options.reset_mask: environments reset themselves; see `autoreset`")
        seeds = self._episode_seeds(seed)
        keys = jnp.stack([jax.random.key(s) for s in seeds])
        self._state, timestep = programs.reset(self._game.layout, self._game.params, keys)
        self._success = self._done = np.zeros(self.num_envs, bool)
        self._seeds, self._num_resets = list(seeds), [count + 1 for count in self._num_resets]
        return np.array(timestep.observation[:, 0]), {}

    def step(self, actions: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Play one step in all environments.

        Args:
          actions: int32 [N, 2].

        Returns:
          observations uint8 [N, M, 3], rewards float32 [N], terminations bool [N], truncations bool [N], infos.
        """
        check_process()
        if self._state is None:
            raise RuntimeError("step: there is no episode yet; call reset first")
        actions = check_actions(actions, (self.num_envs, 2))
        game, old = self._game, self._state
        # Where an episode begins instead of a step being played.
        begins = self._done if self._waits else np.zeros(self.num_envs, bool)
        state, timestep = programs.step(game.layout, game.params, old, jnp.asarray(actions[:, None]), None)
        observation = timestep.observation
        rewards, terminated, truncated, self._success = (
            np.where(begins, 0, np.asarray(x)[:, 0]).astype(x.dtype)
            for x in (timestep.reward, timestep.terminated, timestep.truncated, timestep.action_success)
        )
        self._done = terminated | truncated
        infos = self._infos(state, observation) if self._done.any() else {}
        before, starts = (old, begins) if self._waits else (state, self._done)
        if starts.any():
            state, observation = programs.restart(
                game.layout, game.params, before, state, observation, jnp.asarray(starts)
            )
            for i in np.flatnonzero(starts).tolist():
                self._seeds[i], self._num_resets[i] = None, self._num_resets[i] + 1
        self._state = state
        return np.array(observation[:, 0]), rewards, terminated, truncated, infos

    @property
    def grid_objects(self) -> tuple[dict[int, dict[str, Any]], ...]:
        """All objects by id, of every environment."""
        states, params = jax.device_get((self._running(), self._game.params))
        layout = self._game.layout
        return tuple(
            inspect.grid_objects(layout, params, jax.tree.map(lambda x: x[i], states))  # noqa: B023 - used at once
            for i in range(self.num_envs)
        )

    @property
    def action_success(self) -> np.ndarray:
        """bool [N], whether the last actions succeeded."""
        self._running()
        return self._success.copy()

    @property
    def current_step(self) -> np.ndarray:
        """int32 [N], steps of the running episodes."""
        return np.array(self._running().step)

    @property
    def initial_grid_hash(self) -> tuple[int, ...]:
        """The original's hash of the map that every environment plays on."""
        return tuple(self._game.map_hash(int(i)) for i in np.asarray(self._running().map_index))

    @property
    def done(self) -> np.ndarray:
        """bool [N], whether an episode ended in the last step."""
        self._running()
        return self._done.copy()

    def _running(self) -> EnvState:
        if self._state is None:
            raise RuntimeError("there is no episode yet; call reset first")
        return self._state

    def _episode_seeds(self, seed: Any) -> list[int]:
        n = self.num_envs
        if seed is None or isinstance(seed, (int, np.integer)):
            super().reset(seed=None if seed is None else check_seed(seed))
            seeds: list[Any] = [None] * n if seed is None else [(int(seed) + i) % (1 << 32) for i in range(n)]
        else:
            seeds = list(seed)
            if len(seeds) != n:
                raise ValueError(f"seed: {len(seeds)} seeds for {n} environments")
        return [int(self.np_random.integers(1 << 32)) if s is None else check_seed(s) for s in seeds]

    def _infos(self, state: EnvState, observation: jax.Array) -> dict[str, Any]:
        """What is known of the episodes that ended, as gymnasium's vectors collect it."""
        states, last = jax.device_get((state, observation[:, 0]))
        infos: dict[str, Any] = {}
        for i in np.flatnonzero(self._done).tolist():
            ended = jax.tree.map(lambda x: x[i], states)  # noqa: B023 - used at once
            info = for_gymnasium(episode_info(self._game, ended, self._seeds[i], self._num_resets[i]))
            if self._seeds[i] is None:
                del info["attributes"]["seed"]
            entry = info if self._waits else {"final_obs": np.array(last[i]), "final_info": info}
            infos = self._add_info(infos, entry, i)
        return infos
