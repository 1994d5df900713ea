"""Arrays as files: PNG for a picture, GIF for an episode. Needs Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image


def png_bytes(picture: np.ndarray) -> bytes:
    """A picture, uint8 [height, width, 3], as the content of a PNG file."""
    file = io.BytesIO()
    _image(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def save_png(picture: np.ndarray, path: str | PathLike[str]) -> Path:
    """Write a picture, uint8 [height, width, 3], and return the path."""
    target = _target(path)
    target.write_bytes(png_bytes(picture))
    return target


def save_gif(
    pictures: Iterable[np.ndarray], path: str | PathLike[str], *, steps_per_second: float = 10.0, loop: bool = True
) -> Path:
    """Write pictures of one size as a film and return its path.

    Args:
      pictures: uint8 [height, width, 3] each; taken one at a time.
      path: of the file; its directory is made if there is none.
      steps_per_second: GIF counts hundredths of a second, and browsers show none shorter than two of them.
      loop: whether it starts again at its end.

    Raises:
      ValueError: there is no picture, or `steps_per_second` is not in 0.1..50.
    """
    if not 0.1 <= steps_per_second <= 50:
        raise ValueError(f"steps_per_second: {steps_per_second} is not in 0.1..50")
    frames = (_image(picture) for picture in pictures)
    first = next(frames, None)
    if first is None:
        raise ValueError("pictures: there is none")
    # One palette for all frames: colors do not flicker, and unchanged pixels are left out of a frame.
    palette = first.quantize(256, dither=Image.Dither.NONE)
    target = _target(path)
    palette.save(
        target,
        "GIF",
        save_all=True,
        append_images=(frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames),
        duration=round(100 / steps_per_second) * 10,
        **({"loop": 0} if loop else {}),
    )
    return target


def _image(picture: np.ndarray) -> Image.Image:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"picture: {picture.dtype} {list(picture.shape)} is not uint8 [height, width, 3]")
    return Image.fromarray(picture)


def _target(path: str | PathLike[str]) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
