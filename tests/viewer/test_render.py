"""Pictures as arrays and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from metta_jax.replays import Replay
from metta_jax.viewer import draw, draw_episode, draw_replay
from metta_jax.viewer.images import png_bytes, save_gif, save_png
from metta_jax.viewer.looks import color_of_group, look_of, sprite_table
from metta_jax.viewer.raster import rgba, sprite_image
from tests.viewer.replays import HAND_MADE, TYPES

UP, DOWN, LEFT, RIGHT = range(4)


def test_shape_type_and_floor() -> None:
    picture = draw([], (3, 2), cell_pixels=4)
    assert (picture.shape, picture.dtype) == ((8, 12, 3), np.uint8)
    even, odd = (_color(sprite_table()["colors"][name]) for name in ("floor", "floor_odd"))
    assert (picture[0:4, 0:4] == even).all()
    assert (picture[0:4, 4:8] == odd).all()
    assert (picture[4:8, 0:4] == odd).all()


def test_only_the_cells_of_objects_change() -> None:
    empty = draw([], (5, 4), cell_pixels=16)
    picture = draw([_thing("altar", 2, 3), _agent(0, 1, 1)], (5, 4), cell_pixels=16)
    changed = (picture != empty).any(axis=-1).reshape(4, 16, 5, 16).any(axis=(1, 3))
    assert np.argwhere(changed).tolist() == [[1, 1], [2, 3]]


@pytest.mark.parametrize("group", range(9))
def test_an_agent_has_the_color_of_its_group(group: int) -> None:
    picture = draw([_agent(3, 0, 0) | {"agent:group": group}], (1, 1), cell_pixels=31)
    assert (picture[15, 15] == _color(color_of_group(group))).all()


def test_an_agent_shows_where_it_looks() -> None:
    """The tip of its nose lies at that edge of the cell, its eyes in that half."""
    for orientation, (row, column) in {UP: (2, 15), DOWN: (29, 15), LEFT: (15, 2), RIGHT: (15, 29)}.items():
        picture = draw([_agent(0, 0, 0) | {"orientation": orientation}], (1, 1), cell_pixels=32).astype(int)
        floor = draw([], (1, 1), cell_pixels=32).astype(int)
        assert np.abs(picture - floor)[row, column].max() > 60, orientation
        white = np.argwhere((picture > 250).all(axis=-1)).mean(axis=0) - 15.5
        assert (white @ [row - 15.5, column - 15.5]) > 20, orientation


def test_frozen_and_busy_can_be_seen() -> None:
    agent = _agent(0, 0, 0)
    free, frozen = (draw([agent | {"frozen": n}], (1, 1)).astype(int) for n in (0, 7))
    assert (np.abs(free - frozen).max(axis=-1) > 20).mean() > 0.5
    for value, corner in ((0, False), (1, True)):
        picture = draw([_thing("altar", 0, 0) | {"converting": value}], (1, 1), cell_pixels=32)
        amber = np.abs(picture.astype(int) - _color(sprite_table()["colors"]["busy"])).max(axis=-1) < 8
        assert amber[:16, 16:].any() == corner


def test_what_a_converter_holds_is_drawn() -> None:
    empty, full = (draw([_thing("mine_red", 0, 0) | {"inv:ore_red": n}], (1, 1), cell_pixels=32) for n in (0, 2))
    changed = np.argwhere((empty != full).any(axis=-1))
    assert changed.min(axis=0)[0] >= 20
    assert changed.max(axis=0)[1] <= 13


def test_every_object_has_a_picture_of_its_own() -> None:
    names = [*TYPES, "nobody_knows_this"]
    pictures = [draw([_thing(name, 0, 0)], (1, 1), cell_pixels=16).astype(int) for name in names]
    for i, first in enumerate(pictures):
        for j, second in enumerate(pictures[:i]):
            assert np.abs(first - second).max() > 40, (names[i], names[j])
    assert look_of("nobody_knows_this").sprite == "unknown"
    assert look_of("mine_purple").sprite == "mine"


def test_sprites_are_within_their_square() -> None:
    """Every sprite has a picture, and every shape of it is inside the cell."""
    for name, shapes in sprite_table()["sprites"].items():
        assert sprite_image(look_of("altar")._replace(sprite=name), 8).max() <= 1 + 1e-6
        for shape, *numbers, _ in shapes:
            if shape == "rect":
                x, y, width, height, _radius = numbers
                assert 0 <= min(x, y) <= max(x + width, y + height) <= 1 + 1e-9, (name, numbers)
            elif shape == "poly":
                assert 0 <= min(numbers[0]) <= max(numbers[0]) <= 1, (name, numbers)


def test_the_raster_agrees_with_areas() -> None:
    """Coverage of simple shapes is their area."""
    image = sprite_image(look_of("wall"), 20)
    assert np.allclose(image[..., 3], 1)
    agent = sprite_image(look_of("agent"), 40)[..., 3].sum() / 1600
    assert np.pi * 0.39**2 < agent < np.pi * 0.39**2 + 0.5 * 0.4 * 0.28


def test_steps_of_a_replay() -> None:
    picture = draw_replay(HAND_MADE, 0, cell_pixels=15)
    later = draw_replay(HAND_MADE, 1, cell_pixels=15)
    assert (picture[22, 7] == _color(color_of_group(0))).all()
    assert (later[22, 22] == _color(color_of_group(0))).all()
    assert len(list(draw_episode(HAND_MADE))) == 4
    np.testing.assert_array_equal(draw_replay(Replay(HAND_MADE), 1, cell_pixels=15), later)
    with pytest.raises(IndexError, match=r"step: 4 is not in 0\.\.3"):
        draw_replay(HAND_MADE, 4)
    with pytest.raises(ValueError, match="version: 3 is not 1"):
        draw_replay(HAND_MADE | {"version": 3}, 0)


def test_errors() -> None:
    with pytest.raises(ValueError, match="object 7: row 2, column 0 is outside of the map of 3 x 2"):
        draw([_thing("wall", 2, 0) | {"id": 7}], (3, 2))
    with pytest.raises(ValueError, match="cell_pixels: 0"):
        draw([], (3, 2), cell_pixels=0)
    with pytest.raises(ValueError, match="is not a map"):
        draw([], (0, 2))


def test_png(tmp_path: Path) -> None:
    picture = draw_replay(HAND_MADE, 0)
    path = save_png(picture, tmp_path / "new" / "a.png")
    assert path.read_bytes() == png_bytes(picture)
    with Image.open(path) as image:
        assert (np.asarray(image) == picture).all()
    with pytest.raises(ValueError, match="float64"):
        save_png(picture / 255, path)


def test_gif(tmp_path: Path) -> None:
    pictures = list(draw_episode(HAND_MADE, [0, 1, 3], cell_pixels=15))
    path = save_gif(iter(pictures), tmp_path / "a.gif", steps_per_second=5)
    with Image.open(path) as film:
        assert (film.info["duration"], film.info["loop"]) == (200, 0)
        assert len(list(ImageSequence.Iterator(film))) == 3
        for i, picture in enumerate(pictures):
            film.seek(i)
            frame = np.asarray(film.convert("RGB")).astype(int)
            assert np.abs(frame - picture).max(axis=-1).mean() < 3, i
    with pytest.raises(ValueError, match="pictures: there is none"):
        save_gif([], tmp_path / "b.gif")
    with pytest.raises(ValueError, match="steps_per_second: 0"):
        save_gif(pictures, tmp_path / "b.gif", steps_per_second=0)


def _thing(name: str, row: int, column: int) -> dict[str, Any]:
    return {"type_name": name, "r": row, "c": column}


def _agent(index: int, row: int, column: int) -> dict[str, Any]:
    return {"type_name": "agent", "agent_id": index, "r": row, "c": column, "orientation": UP, "frozen": 0}


def _color(color: str) -> np.ndarray:
    return np.array([round(255 * part) for part in rgba(color)[:3]])
