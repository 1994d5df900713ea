"""Pictures of a running episode, by the viewer."""

from __future__ import annotations

from typing import Any

from metta_jax.adapters.episode import Episode

RENDER_MODES = ("human", "ansi", "rgb_array")


def check_render_mode(mode: str | None) -> str | None:
    """The mode; ValueError if there is no such mode."""
    if mode is not None and mode not in RENDER_MODES:
        raise ValueError(f"render_mode: {mode!r} is not None or one of {list(RENDER_MODES)}")
    return mode


def draw(episode: Episode, mode: str | None) -> Any:
    raise NotImplementedError
