"""What an evaluation writes, the viewer plays: the page shows the objects that the file's own reader returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metta_jax.replays import read_replay, write_replay
from metta_jax.replays.encoding import encode_replay
from metta_jax.viewer import draw, draw_episode, human
from metta_jax.viewer.looks import color_of_group
from metta_jax.viewer.raster import rgba
from tests.sim import small
from tests.viewer.conftest import Viewer
from tests.viewer.screen import pixel, screenshot

pytestmark = pytest.mark.slow  # compiles an evaluation


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    simulation, episodes = small.played()
    assert episodes[0].frames is not None
    replay = encode_replay(simulation.world, int(episodes[0].state.map_index), episodes[0].frames)
    return write_replay(tmp_path_factory.mktemp("replays") / "episode.json.z", replay)


def test_pictures_show_the_objects_of_the_step(path: Path) -> None:
    replay = read_replay(path)
    drawn = list(draw_episode(replay, range(0, replay.num_steps, 9), cell_pixels=8))
    assert (drawn[0].shape, len(drawn)) == ((40, 48, 3), len(range(0, replay.num_steps, 9)))
    for i, picture in enumerate(drawn):
        objects = replay.objects_at(9 * i).values()
        np.testing.assert_array_equal(picture, draw(objects, replay.map_size, cell_pixels=8))
        assert human(objects).startswith("######\n")
    assert any((picture != drawn[0]).any() for picture in drawn)


def test_the_page_plays_it(path: Path, viewer: Viewer) -> None:
    page = viewer.open(path.read_bytes())
    replay = read_replay(path)
    for step in range(0, replay.num_steps, 9):
        page.evaluate("viewer.select(null)")
        viewer.seek(step)
        picture = screenshot(page)
        for thing in replay.objects_at(step).values():
            if "agent_id" not in thing:
                continue
            if not thing["frozen"]:
                wanted = np.array(rgba(color_of_group(thing["agent:group"]))[:3]) * 255
                # An attack of another one may lie over it.
                assert np.abs(pixel(page, picture, thing["r"], thing["c"]) - wanted).max() <= 70
            page.evaluate("id => viewer.select(id)", thing["id"])
            viewer.drawn()
            text = page.inner_text("#details")
            name = replay.action_names[thing["action"][0]]
            assert f"{name} {thing['action'][1]}" in text
            for item, amount in thing["inventory"].items():
                assert amount == 0 or f"{amount} {replay.inventory_items[int(item)]}" in text
