"""The properties that all adapters share."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from metta_jax.adapters.episode import Episode
from metta_jax.adapters.extras import require
from metta_jax.adapters.game import Game
from metta_jax.adapters.rendering import Renderer
from metta_jax.mettagrid.environment import MettaGrid


class GridFacts:
    """What is fixed by the game. Classes that use it have `_game`."""

    _game: Game

    @property
    def grid(self) -> MettaGrid:
        """The engine's view of the game."""
        return self._game.grid

    @property
    def num_agents(self) -> int:
        return self.grid.num_agents

    @property
    def max_steps(self) -> int:
        return self.grid.max_steps

    @property
    def obs_width(self) -> int:
        return self.grid.obs_width

    @property
    def obs_height(self) -> int:
        return self.grid.obs_height

    @property
    def num_observation_tokens(self) -> int:
        return self.grid.num_observation_tokens

    @property
    def map_width(self) -> int:
        """Columns of the largest map."""
        return self.grid.map_width

    @property
    def map_height(self) -> int:
        """Rows of the largest map."""
        return self.grid.map_height

    @property
    def action_names(self) -> tuple[str, ...]:
        return self.grid.action_names

    @property
    def max_action_args(self) -> tuple[int, ...]:
        return self.grid.max_action_args

    @property
    def object_type_names(self) -> tuple[str, ...]:
        return self.grid.object_type_names

    @property
    def inventory_item_names(self) -> tuple[str, ...]:
        return self.grid.inventory_item_names

    @property
    def feature_normalizations(self) -> dict[int, float]:
        """{feature id: normalization}."""
        return self.grid.feature_normalizations

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        """{feature name: {"id", "normalization"}}."""
        return self.grid.get_observation_features()

    @functools.cached_property
    def single_observation_space(self) -> Any:
        """Of one agent: Box(0, 255, [M, 3], uint8). Needs gymnasium."""
        shape = (self.grid.num_observation_tokens, 3)
        return require("gymnasium").spaces.Box(0, 255, shape, np.uint8)

    @functools.cached_property
    def single_action_space(self) -> Any:
        """Of one agent: MultiDiscrete([actions, largest max argument + 1], int32). Needs gymnasium."""
        sizes = [len(self.grid.action_names), max(self.grid.max_action_args) + 1]
        return require("gymnasium").spaces.MultiDiscrete(sizes, dtype=np.int32)


class EpisodeFacts(GridFacts):
    """What is known of the one running episode. Classes that use it call `_begin`."""

    _episode: Episode
    _renderer: Renderer
    render_mode: str | None

    def _begin(self, episode: Episode, render_mode: str | None) -> None:
        self._episode = episode
        self._renderer = Renderer(render_mode)
        self.render_mode = render_mode

    @property
    def _game(self) -> Game:
        return self._episode.game

    @property
    def grid_objects(self) -> dict[int, dict[str, Any]]:
        """All objects by id."""
        return self._episode.grid_objects()

    @property
    def action_success(self) -> np.ndarray:
        """bool [A], whether the last actions succeeded."""
        last = self._episode.last
        return np.zeros(self.grid.num_agents, bool) if last is None else last.action_success.copy()

    @property
    def episode_rewards(self) -> np.ndarray:
        """float32 [A], what the running episode has brought so far, before group sharing."""
        return np.array(self._episode.state.episode_return)

    @property
    def initial_grid_hash(self) -> int:
        """The original's hash of the map of this episode."""
        return self._game.map_hash(self._episode.map_index)

    @property
    def current_step(self) -> int:
        return self._episode.num_steps

    @property
    def done(self) -> bool:
        """Whether the episode has ended."""
        return self._episode.done

    def render(self) -> Any:
        """The picture of `render_mode`: None and a drawing on the terminal for "human", a string for "ansi", uint8
        [height, width, 3] for "rgb_array", None without a mode."""
        return self._renderer.draw(self._episode)

    def close(self) -> None:
        """Restore the terminal if something was drawn on it; may be called again."""
        self._renderer.close()

    def _show(self) -> None:
        """Draw after a reset or a step in render mode "human", as in gymnasium."""
        if self.render_mode == "human":
            self.render()
