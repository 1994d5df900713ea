"""Pictures of what happens on the grid: the replay page, images, terminal drawings.

`metta_jax.viewer.images` writes PNG and GIF files; it is not imported here because it loads Pillow.
"""

from metta_jax.replays import read_replay
from metta_jax.viewer.notebook import ReplayView, StateView
from metta_jax.viewer.page import open_viewer, replay_html, write_viewer
from metta_jax.viewer.render import draw, draw_episode, draw_replay
from metta_jax.viewer.terminal import TerminalScreen
from metta_jax.viewer.text import human, miniscope

__all__ = [
    "ReplayView",
    "StateView",
    "TerminalScreen",
    "draw",
    "draw_episode",
    "draw_replay",
    "human",
    "miniscope",
    "open_viewer",
    "read_replay",
    "replay_html",
    "write_viewer",
]
