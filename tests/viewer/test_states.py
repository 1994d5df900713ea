"""States of a real environment: in a notebook, and played by the page."""

from __future__ import annotations

from html import unescape
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.mettagrid import EnvState, MettaGrid, VectorEnv, VectorState
from metta_jax.viewer import ReplayView, StateView, replay_html
from metta_jax.viewer.looks import color_of_group
from metta_jax.viewer.raster import rgba
from tests.mettagrid.small_world import GET, MAP, MOVE, NOOP, ROTATE, game_config
from tests.viewer import replays
from tests.viewer.conftest import Viewer
from tests.viewer.screen import pixel, screenshot

DOWN, RIGHT = 1, 3
# Agent 0 turns down, takes ore, and runs against agent 1, which has walked back and then goes down.
ACTIONS = [
    [(ROTATE, DOWN), (ROTATE, RIGHT)], [(GET, 0), (MOVE, 1)], [(ROTATE, RIGHT), (NOOP, 0)], [(MOVE, 0), (ROTATE, DOWN)],
    [(NOOP, 0), (MOVE, 0)],
]  # fmt: skip


@pytest.fixture(scope="module")
def env() -> MettaGrid:
    return MettaGrid(game_config(max_steps=100), [MAP], stats="none")


@pytest.fixture(scope="module")
def states(env: MettaGrid) -> list[EnvState]:
    step = jax.jit(env.step)
    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0), jnp.int32(0))
    found = [state]
    for actions in ACTIONS:
        state, _ = step(env.params, state, jnp.array(actions, jnp.int32), jnp.arange(2, dtype=jnp.int32))
        found.append(state)
    return found


def test_a_state_shows_itself(env: MettaGrid, states: list[EnvState]) -> None:
    view = StateView(env, states[0])
    assert view.size == (5, 3)
    assert str(view) == "#####\n#0.1#\n#?..#"
    picture = view.to_array()
    side = view.cell_pixels
    assert picture.shape == (3 * side, 5 * side, 3)
    center = side + side // 2
    assert (picture[center, center] == _color(0)).all()
    assert view._repr_png_().startswith(b"\x89PNG")
    html = view._repr_html_()
    assert html.startswith('<img src="data:image/png;base64,')
    assert "2 agents" in html
    after = StateView(env, states[2])._repr_html_()
    assert "<td>1 ore</td>" in after
    assert str(StateView(env, states[-1])) == "#####\n#0..#\n#?1.#"


def test_a_replay_plays_in_a_cell(env: MettaGrid, states: list[EnvState]) -> None:
    """In a sandboxed frame of its own, which holds the page that a file would hold."""
    frames = [env.grid_objects(env.params, state) for state in states[1:]]
    data = replays.pack(replays.encode(frames, (5, 3), env.config.model_dump(mode="json")))
    html = ReplayView(data, title='the "first" one', height=300)._repr_html_()
    assert html.startswith('<iframe srcdoc="')
    assert 'sandbox="allow-scripts"' in html
    assert 'height="300"' in html
    content = html.removeprefix('<iframe srcdoc="').partition('"')[0]
    assert unescape(content) == replay_html(data, title='the "first" one')


def test_names_in_html_are_text(env: MettaGrid, states: list[EnvState]) -> None:
    view = StateView(env, states[0])
    view.objects[-1]["group_name"] = "<script>"
    for thing in view.objects:
        if "agent_id" in thing:
            thing["group_name"] = "<script>"
    assert "<script>" not in view._repr_html_()
    assert "&lt;script&gt;" in view._repr_html_()


def test_one_environment_of_a_batch(env: MettaGrid, states: list[EnvState]) -> None:
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), states[0], states[-1])
    vector = VectorEnv(env, 2)
    state = VectorState(batch, jnp.full(2, 100, jnp.int32), jnp.zeros((2, 2, 1, 3), jnp.uint8))
    for i, single in enumerate((states[0], states[-1])):
        assert StateView(vector, state, index=i).objects == StateView(env, single).objects
        assert StateView(env, batch, index=i).objects == StateView(env, single).objects
    with pytest.raises(ValueError, match=r"index: 2 is not in 0\.\.1"):
        StateView(vector, state, index=2)


def test_the_page_shows_what_the_environment_says(env: MettaGrid, states: list[EnvState], viewer: Viewer) -> None:
    """From the state of a real environment over a file to pixels of a browser."""
    frames = [env.grid_objects(env.params, state) for state in states[1:]]
    for frame, actions in zip(frames, ACTIONS, strict=True):
        for thing in frame.values():
            if "agent_id" in thing:
                thing |= {"action": list(actions[thing["agent_id"]]), "action_success": True, "reward": 0.0}
                thing["inventory"] = {str(item): amount for item, amount in thing["inventory"].items()}
    replay = replays.encode(frames, (5, 3), env.config.model_dump(mode="json"))
    replay["action_names"], replay["inventory_items"] = list(env.action_names), list(env.inventory_item_names)
    page = viewer.open(replays.pack(replay))
    for step, state in enumerate(states[1:]):
        page.evaluate("viewer.select(null)")
        viewer.seek(step)
        picture = screenshot(page)
        for agent in StateView(env, state).objects:
            if "agent_id" not in agent:
                continue
            assert np.abs(pixel(page, picture, agent["r"], agent["c"]) - _color(0)).max() <= 3
            page.evaluate("id => viewer.select(viewer.replay.agents[id].id)", agent["agent_id"])
            viewer.drawn()
            text = page.inner_text("#details")
            assert f"row {agent['r']}, column {agent['c']}" in text
            assert ["up", "down", "left", "right"][agent["orientation"]] in text
            assert ("1 ore" in text) == (agent["inventory"].get(0, 0) == 1)


def _color(group: int) -> Any:
    return np.array([round(255 * part) for part in rgba(color_of_group(group))[:3]])
