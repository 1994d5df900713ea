"""A batch of single-agent environments as a gymnasium VectorEnv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.adapters import programs
from metta_jax.adapters.checks import check_actions, check_seed
from metta_jax.adapters.episode_info import for_gymnasium, map_attributes, reward_info
from metta_jax.adapters.extras import require
from metta_jax.adapters.facade import GridFacts
from metta_jax.adapters.game import Game, make_game
from metta_jax.mettagrid import VectorState, VectorTimeStep, inspect
from metta_jax.mettagrid.stats import agent_stat_names

gym: Any = require("gymnasium")
require("gymnasium.vector")


class GymnasiumVectorEnv(GridFacts, gym.vector.VectorEnv):
    """N environments of one agent each, in one compiled step. M observation tokens.

    Autoreset mode same-step: where an episode ends, the observation is the first of the next episode,
    `infos["final_obs"][i]` the last of the old one and `infos["final_info"]` what is known of it, with masks
    `_final_obs` and `_final_info`.

    Args:
      world, options: as `NumpyEnv`.
      num_envs: N.

    Raises:
      ValueError: as `NumpyEnv`; `num_envs` is not positive; the world has more than one agent.
    """

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 - gymnasium's

    def __init__(self, world: Any = None, *, num_envs: int = 1, **options: Any) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise ValueError(f"num_envs: {num_envs!r} is not a positive integer")
        self._game: Game = make_game(world, **options)
        if self.grid.num_agents != 1:
            raise ValueError(
                f"num_agents: {self.grid.num_agents} is not 1; a vector of many agents: metta_jax's Environment"
            )
        self.num_envs = num_envs
        self.render_mode = None
        batch_space = gym.vector.utils.batch_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._state: VectorState | None = None
        self._timestep: Any = None
        self._seeds: list[int | None] = [None] * num_envs  # of episodes that began with a seed of their own

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts an episode in every environment: (observations uint8 [N, M, 3], {}).

        Args:
          seed: environment i starts from seed + i, or from `seed[i]`, with the episode that `GymnasiumEnv` has for it.
          options: "reset_mask" is refused, as environments reset themselves; others are ignored.
        """
        if options and "reset_mask" in options:
            raise ValueError("options.reset_mask: environments reset themselves (autoreset mode same-step)")
        seeds = self._episode_seeds(seed)
        keys = jnp.stack([jax.random.key(s) for s in seeds])
        state, timestep = programs.reset(self._game.layout, self._game.params, keys)
        limits = jnp.broadcast_to(self._game.params.rules.max_steps, (self.num_envs,))
        self._state = VectorState(state, limits, timestep.observation)
        self._timestep, self._seeds = jax.device_get(timestep), list(seeds)
        return np.array(self._timestep.observation[:, 0]), {}

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Plays one step in all environments.

        Args:
          actions: int32 [N, 2].

        Returns:
          observations uint8 [N, M, 3], rewards float32 [N], terminations bool [N], truncations bool [N], infos.
        """
        if self._state is None:
            raise RuntimeError("step: there is no episode yet; call reset first")
        actions = check_actions(actions, (self.num_envs, 2))
        old, game = self._state, self._game
        self._state, timestep = programs.vector_step(
            game.layout, self.num_envs, game.params, old, jnp.asarray(actions[:, None])
        )
        self._timestep = host = jax.device_get(timestep)
        ended = np.flatnonzero(host.episode.done)
        infos: dict[str, Any] = {}
        if ended.size:
            before = jax.device_get((old.env.map_index, old.env.group))
            for i in ended.tolist():
                final = {
                    "final_obs": np.array(host.final_observation[i, 0]),
                    "final_info": self._final_info(host, i, int(before[0][i]), before[1][i]),
                }
                infos = self._add_info(infos, final, i)
                self._seeds[i] = None
        return (
            np.array(host.observation[:, 0]),
            np.array(host.reward[:, 0]),
            np.array(host.terminated[:, 0]),
            np.array(host.truncated[:, 0]),
            infos,
        )

    @property
    def grid_objects(self) -> tuple[dict[int, dict[str, Any]], ...]:
        """All objects by id, of every environment."""
        states, params = jax.device_get((self._running().env, self._game.params))
        layout = self._game.layout
        return tuple(
            inspect.grid_objects(layout, params, jax.tree.map(lambda x: x[i], states))  # noqa: B023 - used at once
            for i in range(self.num_envs)
        )

    @property
    def action_success(self) -> np.ndarray:
        """bool [N], whether the last actions succeeded."""
        self._running()
        return np.array(self._timestep.action_success[:, 0])

    @property
    def current_step(self) -> np.ndarray:
        """int32 [N], steps of the running episodes."""
        return np.array(self._running().env.step)

    @property
    def initial_grid_hash(self) -> tuple[int, ...]:
        """The original's hash of the map that every environment plays on."""
        return tuple(self._game.map_hash(int(i)) for i in np.asarray(self._running().env.map_index))

    @property
    def done(self) -> np.ndarray:
        """bool [N], whether an episode ended in the last step."""
        self._running()
        return np.array((self._timestep.terminated | self._timestep.truncated)[:, 0])

    def _running(self) -> VectorState:
        if self._state is None:
            raise RuntimeError("there is no episode yet; call reset first")
        return self._state

    def _episode_seeds(self, seed: Any) -> list[int]:
        n = self.num_envs
        if seed is None or isinstance(seed, (int, np.integer)):
            super().reset(seed=seed)
            seeds: list[Any] = [None] * n if seed is None else [int(seed) + i for i in range(n)]
        else:
            seeds = list(seed)
            if len(seeds) != n:
                raise ValueError(f"seed: {len(seeds)} seeds for {n} environments")
        return [int(self.np_random.integers(1 << 32)) if s is None else check_seed(s) for s in seeds]

    def _final_info(self, host: VectorTimeStep, i: int, map_index: int, group: np.ndarray) -> dict[str, Any]:
        """As `episode_info`, with totals of the agent only, and a seed if the episode began with `reset`."""
        game, episode = self._game, host.episode
        info = reward_info(game, map_index, np.asarray(episode.episode_return[i]))
        if episode.agent_stats is not None:
            values = np.asarray(episode.agent_stats.value[i, 0])
            names = agent_stat_names(game.layout, game.layout.group_names[int(group[0])])
            info["agent"] = {name: float(values[k]) for name, k in names.items() if values[k] > 0}
        attributes = map_attributes(game, map_index)
        attributes |= {"steps": int(episode.episode_length[i]), "max_steps": game.grid.max_steps}
        if self._seeds[i] is not None:
            attributes["seed"] = self._seeds[i]
        return for_gymnasium({**info, "attributes": attributes})
