"""What an evaluation writes, the viewer plays: the page shows the objects that the file's own reader tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metta_jax.sim import read_replay, write_replay
from metta_jax.sim.replay_encoding import encode_replay
from metta_jax.viewer import draw_replay, human
from metta_jax.viewer import read_replay as read_plain
from metta_jax.viewer.looks import color_of_group
from metta_jax.viewer.raster import rgba
from metta_jax.viewer.steps import objects_at
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


def test_both_readers_tell_the_same(path: Path) -> None:
    replay = read_replay(path)
    plain = read_plain(path)
    assert plain == replay.data
    for step in range(replay.num_steps):
        for ours, theirs in zip(objects_at(plain, step), replay.objects_at(step).values(), strict=True):
            if "inventory" in ours:
                ours["inventory"] = {int(item): amount for item, amount in ours["inventory"].items()}
            # Ours keeps the zeros that the format writes for what is absent.
            assert ours | theirs == ours
            assert not any(ours[name] for name in ours.keys() - theirs.keys())
    assert draw_replay(plain, 3, cell_pixels=8).shape == (40, 48, 3)
    assert human(objects_at(plain, 0)).startswith("######\n")


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
