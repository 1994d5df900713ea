"""A page with a picture of every world."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from metta_jax.mapgen import build_maps
from metta_jax.viewer import draw
from metta_jax.worlds.picture import map_objects
from metta_jax.worlds.registry import canonical_name, describe, get_world, list_worlds

_PIXELS = 360  # the longer side of a picture, about
_SMALLEST_CELL = 2


def write_gallery(
    directory: str | PathLike[str], names: Iterable[str] | None = None, *, seed: int = 0, pixels: int = _PIXELS
) -> Path:
    """Write `worlds.md` and a PNG for each world next to it.

    Args:
      directory: is made if there is none.
      names: of worlds; None: all.
      seed: of the maps.
      pixels: longer side of the pictures, as far as whole cells of at least 2 pixels allow it.

    Returns:
      The path of the page.
    """
    from metta_jax.viewer.images import save_png  # loads Pillow

    folder = Path(directory)
    lines = [
        "# The named worlds",
        "",
        "Made by `metta_jax.worlds.gallery.write_gallery`. One map of each; others differ.",
    ]
    family = None
    for name in list_worlds() if names is None else [canonical_name(name) for name in names]:
        if name.rpartition("/")[0] != family:
            family = name.rpartition("/")[0]
            lines += [
                "",
                f"## {family or 'Single worlds'}",
                "",
                "| world | agents | steps | | |",
                "|---|---|---|---|---|",
            ]
        game = get_world(name).game
        grid = build_maps(get_world(name).map_builder, seed=seed, num_maps=1)[0].grid
        height, width = grid.shape
        file = f"{name.replace('/', '_')}.png"
        cell = max(_SMALLEST_CELL, pixels // max(height, width))
        save_png(draw(map_objects(game, grid), (width, height), cell_pixels=cell), folder / file)
        picture = f"![{name}]({file})"
        lines.append(f"| {name} | {game.num_agents} | {game.max_steps} | {describe(name)} | {picture} |")
    page = folder / "worlds.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page
