"""Pictures of what happens on the grid: the replay page, images, terminal drawings."""

from metta_jax.viewer.page import open_viewer, replay_html, write_viewer

__all__ = ["open_viewer", "replay_html", "write_viewer"]
