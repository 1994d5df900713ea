"""24 agents, 1000 steps, 62 x 62 cells: opens at once and stays smooth."""

from __future__ import annotations

import statistics

from tests.viewer import replays
from tests.viewer.conftest import Viewer

# A frame takes 2 to 4 milliseconds on one core without a graphics card; a busy machine must not fail.
LONGEST_MEDIAN = 30.0


def test_frames_of_a_large_replay(viewer: Viewer) -> None:
    replay, frames = replays.generated()
    assert (len(frames), replay["map_size"], replay["num_agents"]) == (1000, [62, 62], 24)
    page = viewer.open(replays.pack(replay))
    page.keyboard.press("n")
    page.select_option("#speed", "60")
    for zoom in (1.0, 3.0):  # the whole map, and a part of it
        page.evaluate("zoom => { viewer.zoom(zoom); viewer.frameTimes = []; viewer.seek(100); viewer.play(); }", zoom)
        viewer.wait("viewer.frameTimes.length >= 40")
        assert statistics.median(page.evaluate("viewer.frameTimes")) < LONGEST_MEDIAN
        assert page.evaluate("viewer.step") > 100
    # A paused page does not draw.
    page.keyboard.press("Space")
    viewer.drawn()
    page.evaluate("viewer.frameTimes = []")
    page.wait_for_timeout(200)
    assert page.evaluate("viewer.frameTimes") == []
