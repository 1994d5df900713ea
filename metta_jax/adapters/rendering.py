"""Pictures of a running episode, drawn by the viewer."""

from __future__ import annotations

from typing import Any

from metta_jax.adapters.episode import Episode

RENDER_MODES = ("human", "ansi", "rgb_array")


class Renderer:
    """Draw in one of RENDER_MODES, or not at all.

    Raises:
      ValueError: there is no such mode.
    """

    def __init__(self, mode: str | None) -> None:
        if mode is not None and mode not in RENDER_MODES:
            raise ValueError(f"render_mode: {mode!r} is not None or one of {list(RENDER_MODES)}")
        self.mode = mode
        self._screen: Any = None

    def draw(self, episode: Episode) -> Any:
        """None and text on the terminal for "human", text for "ansi", uint8 [height, width, 3] for "rgb_array"."""
        if self.mode is None:
            return None
        objects = episode.grid_objects().values()
        from metta_jax import viewer  # only those who look need it

        if self.mode == "rgb_array":
            height, width = episode.game.maps[episode.map_index].grid.shape
            return viewer.draw(objects, (width, height))
        text = viewer.human(objects)
        if self.mode == "ansi":
            return text
        if self._screen is None:
            self._screen = viewer.TerminalScreen().__enter__()
        self._screen.show(text)
        return None

    def close(self) -> None:
        """Restore the terminal."""
        if self._screen is not None:
            self._screen.__exit__(None, None, None)
            self._screen = None
