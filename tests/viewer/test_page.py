"""The replay page in a browser: what it draws is what the replay says, and every control does its work."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from metta_jax.viewer import draw
from metta_jax.viewer.action_keys import action_words
from metta_jax.viewer.looks import color_of_group, sprite_table
from metta_jax.viewer.raster import rgba
from tests.viewer import replays
from tests.viewer.conftest import Viewer
from tests.viewer.screen import pixel, screenshot

SIDE = 40
STEPS = 60
LARGEST_DIFFERENCE = 8  # of the mean colors of a quarter of a cell, on the page and in Python, in 0..255


@pytest.fixture(scope="module")
def episode() -> tuple[bytes, list[dict[int, dict[str, Any]]]]:
    """A replay of a map whose cells are too small for numbers, and its frames."""
    replay, frames = replays.generated(num_agents=8, num_steps=STEPS, side=SIDE, seed=1)
    return replays.pack(replay), frames


def test_every_cell_is_drawn_as_the_replay_says(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    page.evaluate("viewer.scene.zoom = 16")
    for step in (0, 23, STEPS - 1):
        viewer.seek(step)
        expected = _quarter_means(draw(frames[step].values(), (SIDE, SIDE), cell_pixels=16))
        shown = _shown_quarters(page)
        difference = np.abs(shown - expected).max(axis=-1)
        assert difference.max() < LARGEST_DIFFERENCE, np.argwhere(difference >= LARGEST_DIFFERENCE) / 2
        # It would not pass if an agent looked elsewhere.
        turned = [thing | {"orientation": 3} if "agent_id" in thing else thing for thing in frames[step].values()]
        others = _quarter_means(draw(turned, (SIDE, SIDE), cell_pixels=16))
        assert np.abs(shown - others).max() > 2 * LARGEST_DIFFERENCE


def test_agents_are_where_the_state_says(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    assert page.title() == "episode.json.z"
    assert page.inner_text("#facts") == f"{SIDE} × {SIDE} cells · 8 agents · {STEPS} steps"
    for step in range(0, STEPS, 7):
        viewer.seek(step)
        picture = screenshot(page)
        for agent in _agents(frames[step]):
            if not agent["frozen"]:
                wanted = np.array(rgba(color_of_group(agent["agent:group"]))[:3]) * 255
                assert np.abs(pixel(page, picture, agent["r"], agent["c"]) - wanted).max() <= 3


def test_the_example_of_the_format(viewer: Viewer) -> None:
    page = viewer.open(json.dumps(replays.HAND_MADE).encode())
    blue = np.array(rgba(color_of_group(0))[:3]) * 255
    floors = [np.array(rgba(sprite_table()["colors"][name])[:3]) * 255 for name in ("floor", "floor_odd")]
    for step, column in enumerate([0, 1, 1, 1]):
        viewer.seek(step)
        picture = screenshot(page)
        assert np.abs(pixel(page, picture, 1, column) - blue).max() <= 3
        other = pixel(page, picture, 1, 1 - column)
        assert min(np.abs(other - floor).max() for floor in floors) <= 3
    # Step 3: it took the ore, and the mine is empty.
    page.keyboard.press("n")
    assert "1 ore_red" in page.inner_text("#details")
    _click_cell(page, 0, 1)
    assert page.inner_text("#details strong") == "mine_red"
    assert "empty" in page.inner_text("#details")
    assert "converting" in page.inner_text("#details")


def test_play_pause_and_the_end(viewer: Viewer, episode: Any) -> None:
    page = viewer.open(episode[0])
    assert page.inner_text("#step") == f"0 / {STEPS - 1}"
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.input_value("#speed") == "30"
    page.keyboard.press("Space")
    viewer.wait("viewer.step >= 5")
    page.keyboard.press("Space")
    paused = page.evaluate("viewer.time")
    assert paused == int(paused)
    assert page.evaluate("viewer.playing") is False
    viewer.drawn()
    assert page.inner_text("#step") == f"{int(paused)} / {STEPS - 1}"
    page.select_option("#speed", "240")
    page.click("#play")
    viewer.wait("!viewer.playing")
    assert page.evaluate("viewer.step") == STEPS - 1
    # Once more from the start.
    page.keyboard.press("Space")
    viewer.wait(f"viewer.step < {STEPS - 1}")


def test_scrubbing_and_keys_walk(viewer: Viewer, episode: Any) -> None:
    page = viewer.open(episode[0])
    box = page.locator("#scrub").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(page.evaluate("viewer.step") - (STEPS - 1) / 2) <= 2
    for key, step in (
        ("End", STEPS - 1), ("ArrowRight", STEPS - 1), ("ArrowLeft", STEPS - 2), ("Shift+ArrowLeft", STEPS - 12),
        ("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("viewer.step") == step, key
    page.click("#forward")
    page.click("#back")
    page.click("#back")
    assert page.evaluate("viewer.step") == 0
    chart = page.locator("#chart").bounding_box()
    assert chart is not None
    page.mouse.click(chart["x"] + chart["width"] - 1, chart["y"] + 20)
    assert page.evaluate("viewer.step") == STEPS - 1


def test_selecting_by_click_list_and_keys(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    viewer.seek(30)
    agents = _agents(frames[30])
    agent = agents[3]
    _click_cell(page, agent["r"], agent["c"])
    details = page.inner_text("#details")
    assert page.inner_text("#details strong") == "agent 3"
    assert f"row {agent['r']}, column {agent['c']}" in details
    assert action_words(replays.ACTIONS, *agent["action"]) in details
    assert agent["group_name"] in details
    assert page.locator(".agent[aria-selected=true]").count() == 1
    page.keyboard.press("n")
    assert page.evaluate("viewer.selected.agentId") == 4
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.evaluate("viewer.selected.agentId") == 2
    page.locator(".agent").nth(6).click()
    assert page.inner_text("#details strong") == "agent 6"
    for item, amount in agents[6]["inventory"].items():
        assert f"{amount} {replays.ITEMS[int(item)]}" in page.inner_text("#details")
    page.keyboard.press("Escape")
    assert page.evaluate("viewer.selected") is None
    assert "All agents" in page.inner_text("#details")


def test_a_converter_shows_its_recipe(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    altar = next(thing for thing in frames[0].values() if thing["type_name"] == "altar")
    _click_cell(page, altar["r"], altar["c"])
    details = page.inner_text("#details")
    assert "3 battery_red\n→\n1 heart" in details
    assert "takes 1 step, cools down for 10, stops at 5 held" in details


def test_the_view_of_an_agent_and_following_it(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    viewer.seek(40)
    agent = _agents(frames[40])[0]
    page.keyboard.press("n")
    viewer.drawn()
    with_window = screenshot(page)
    page.keyboard.press("v")
    viewer.drawn()
    without = screenshot(page)
    for row in range(0, SIDE, 3):
        for column in range(0, SIDE, 3):
            distance = max(abs(row - agent["r"]), abs(column - agent["c"]))
            if distance in (5, 6):  # the dashes of the frame run here
                continue
            bright, dim = (pixel(page, picture, row, column).sum() for picture in (without, with_window))
            assert dim == bright if distance < 5 else dim < 0.7 * bright
    page.keyboard.press("f")
    page.keyboard.press("Home")
    for step in (0, 11, 40):
        viewer.seek(step)
        agent = _agents(frames[step])[0]
        center = page.evaluate("([r, c]) => viewer.cellToScreen(r, c)", [agent["r"], agent["c"]])
        box = page.locator("#map").bounding_box()
        assert box is not None
        assert abs(center["x"] - box["x"] - box["width"] / 2) <= 1
        assert abs(center["y"] - box["y"] - box["height"] / 2) <= 1
    page.keyboard.press("0")
    assert page.evaluate("viewer.following") is False


def test_zoom_pan_and_hover(viewer: Viewer, episode: Any) -> None:
    data, frames = episode
    page = viewer.open(data)
    agent = _agents(frames[0])[2]
    place = page.evaluate("([r, c]) => viewer.cellToScreen(r, c)", [agent["r"], agent["c"]])
    page.mouse.move(place["x"], place["y"])
    assert page.inner_text("#tip").startswith("agent 2")
    before = page.evaluate("viewer.scene.zoom")
    page.mouse.wheel(0, -200)
    viewer.wait(f"viewer.scene.zoom > {before * 1.2}")
    after = page.evaluate("([r, c]) => viewer.cellToScreen(r, c)", [agent["r"], agent["c"]])
    assert abs(after["x"] - place["x"]) <= 1
    assert abs(after["y"] - place["y"]) <= 1
    page.mouse.down()
    page.mouse.move(place["x"] + 50, place["y"] - 30, steps=5)
    page.mouse.up()
    moved = page.evaluate("([r, c]) => viewer.cellToScreen(r, c)", [agent["r"], agent["c"]])
    assert abs(moved["x"] - after["x"] - 50) <= 2
    assert abs(moved["y"] - after["y"] + 30) <= 2
    assert page.evaluate("viewer.selected") is None  # a drag is no click
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("?")
    assert page.is_hidden("#help")


def test_a_small_window(viewer: Viewer, episode: Any) -> None:
    viewer.page.set_viewport_size({"width": 420, "height": 700})
    page = viewer.open(episode[0])
    page.set_viewport_size({"width": 640, "height": 560})
    viewer.drawn()
    box = page.locator("#map").bounding_box()
    assert box is not None
    for corner in (0, SIDE - 1):  # the whole map still fits
        place = page.evaluate("corner => viewer.cellToScreen(corner, corner)", corner)
        assert box["x"] < place["x"] < box["x"] + box["width"]
        assert box["y"] < place["y"] < box["y"] + box["height"]
    for name in ("#map", "#play", "#scrub", "#agents"):
        box = page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 641, name


@pytest.mark.parametrize("width", [360, 480, 640, 800])
def test_nothing_is_off_a_narrow_screen(viewer: Viewer, episode: Any, width: int) -> None:
    viewer.page.set_viewport_size({"width": width, "height": 700})
    page = viewer.open(episode[0], title="a world with a long name · a run of some days/model_0062")
    for name in (
        "h1",
        "#fit",
        "#follow",
        "#window",
        "label.button",
        "#help-button",
        "#play",
        "#scrub",
        "#step",
        "#map",
    ):
        box = page.locator(name).bounding_box()
        assert box is not None, name
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 700, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('aside').scrollWidth") <= width


def test_nothing_jumps_when_an_agent_is_selected(viewer: Viewer, episode: Any) -> None:
    viewer.page.set_viewport_size({"width": 360, "height": 700})
    page = viewer.open(episode[0])
    page.evaluate("document.querySelector('aside').scrollTop = 150")
    place = "[document.querySelector('aside').scrollTop, document.querySelector('#chart-title').offsetTop]"
    before = page.evaluate(place)
    assert before[0] == 150
    for key in ("n", "n", "p", "p", "p", "Escape"):
        page.keyboard.press(key)
        viewer.drawn()
        assert page.evaluate(place) == before, key


def test_actions_have_words_and_marks_a_legend(viewer: Viewer, episode: Any) -> None:
    page = viewer.open(episode[0])
    legend = page.inner_text("#legend")
    assert "mark above the slider: reward earned" in legend
    assert "mark above the slider: reward lost" in legend
    viewer.seek(23)
    words = page.locator(".did").all_inner_texts()
    assert all(not word.split()[-1].isdigit() for word in words), words


def test_words_of_actions() -> None:
    names = ("attack", "rotate", "get_output", "own", "change_glyph")
    expected = {
        (0, 0): "attack the nearest in reach", (0, 8): "attack the 9th in reach", (1, 1): "rotate down",
        (2, 0): "take items out", (3, 4): "own 4", (4, 7): "change_glyph 7", (1, 9): "rotate 9", (9, 1): "type 9, 1",
        (-1, 0): "type -1, 0",
    }  # fmt: skip
    assert {action: action_words(names, *action) for action in expected} == expected


def _agents(frame: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((thing for thing in frame.values() if "agent_id" in thing), key=lambda thing: thing["agent_id"])


def _click_cell(page: Page, row: int, column: int) -> None:
    place = page.evaluate("([r, c]) => viewer.cellToScreen(r, c)", [row, column])
    page.mouse.click(place["x"], place["y"])


def _quarter_means(picture: np.ndarray) -> np.ndarray:
    """The mean colors of the quarters of all cells, from a picture with 16 pixels a cell."""
    return picture.reshape(2 * SIDE, 8, 2 * SIDE, 8, 3).mean(axis=(1, 3))


def _shown_quarters(page: Page) -> np.ndarray:
    corner = page.evaluate("viewer.cellToScreen(-0.5, -0.5)")
    left, top, side = int(corner["x"] + 0.5), int(corner["y"] + 0.5), 16 * SIDE
    return _quarter_means(screenshot(page)[top : top + side, left : left + side])
