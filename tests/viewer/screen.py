"""What is seen of the page."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page


def screenshot(page: Page) -> np.ndarray:
    """float64 [height, width, 3], in 0..255."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(np.float64)


def pixel(page: Page, picture: np.ndarray, row: int, column: int) -> np.ndarray:
    """The color in the middle of a cell."""
    place = page.evaluate("([row, column]) => viewer.cellToScreen(row, column)", [row, column])
    return picture[int(place["y"]), int(place["x"])]
