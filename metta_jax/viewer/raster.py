"""Sprites as arrays: shapes in the unit square, sampled 4 x 4 times a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from metta_jax.viewer.looks import Look, sprite_table

SAMPLES = 4
# How often an upright sprite is turned by 90 degrees against the clock: up, down, left, right.
_QUARTER_TURNS = (0, 2, 1, 3)


@lru_cache(maxsize=512)
def sprite_image(look: Look, size: int, orientation: int = 0) -> np.ndarray:
    """A sprite as float32 [size, size, 4]: red, green, blue times alpha, and alpha, all in 0..1. Read only."""
    points = (np.arange(size * SAMPLES, dtype=np.float32) + 0.5) / (size * SAMPLES)
    y, x = np.meshgrid(points, points, indexing="ij")
    image = np.zeros((*x.shape, 4), np.float32)
    fills = {"$main": look.color, "$dark": mix(look.color, "#000000", 0.45), "$light": mix(look.color, "#ffffff", 0.5)}
    for shape, *numbers, fill in sprite_table()["sprites"][look.sprite]:
        red, green, blue, alpha = rgba(fills.get(fill, fill))
        inside = _SHAPES[shape](x, y, *numbers)
        image[inside] = image[inside] * (1 - alpha) + np.array([red * alpha, green * alpha, blue * alpha, alpha])
    pixels = image.reshape(size, SAMPLES, size, SAMPLES, 4).mean(axis=(1, 3))
    pixels = np.rot90(pixels, _QUARTER_TURNS[orientation])
    pixels.flags.writeable = False
    return pixels


def rgba(color: str) -> tuple[float, float, float, float]:
    """Red, green, blue, alpha in 0..1 of `#rrggbb` or `#rrggbbaa`."""
    red, green, blue, *alpha = (byte / 255 for byte in bytes.fromhex(color[1:]))
    return red, green, blue, alpha[0] if alpha else 1.0


def mix(color: str, other: str, share: float) -> str:
    """`share` of the other color in a color, both `#rrggbb`."""
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{int(a + (b - a) * share + 0.5):02x}" for a, b in pairs)


def _rect(x: np.ndarray, y: np.ndarray, left: float, top: float, width: float, height: float, radius: float) -> Any:
    across = np.abs(x - left - width / 2) - width / 2 + radius
    down = np.abs(y - top - height / 2) - height / 2 + radius
    corner = np.hypot(np.maximum(across, 0), np.maximum(down, 0)) <= radius
    return corner & (across <= radius) & (down <= radius)


def _circle(x: np.ndarray, y: np.ndarray, center_x: float, center_y: float, radius: float) -> Any:
    return np.hypot(x - center_x, y - center_y) <= radius


def _ring(x: np.ndarray, y: np.ndarray, center_x: float, center_y: float, radius: float, width: float) -> Any:
    return np.abs(np.hypot(x - center_x, y - center_y) - radius) <= width / 2


def _line(x: np.ndarray, y: np.ndarray, x0: float, y0: float, x1: float, y1: float, width: float) -> Any:
    length = (x1 - x0) ** 2 + (y1 - y0) ** 2
    share = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1)
    return np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0)) <= width / 2


def _poly(x: np.ndarray, y: np.ndarray, points: Sequence[float]) -> Any:
    """Whether a ray to the right meets an odd number of edges."""
    corners = list(zip(points[::2], points[1::2], strict=True))
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside


_SHAPES: dict[str, Any] = {"rect": _rect, "circle": _circle, "ring": _ring, "line": _line, "poly": _poly}
