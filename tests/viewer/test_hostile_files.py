"""Damaged and hostile files: a clear message each, nothing interpreted, no exception, no request."""

from __future__ import annotations

import base64
import copy
import json
import random
import zlib
from typing import Any

import pytest

from tests.viewer import replays
from tests.viewer.conftest import Viewer

MARKUP = "<img src=x onerror=\"window.caught=1\">"
CLOSING = "</script><script>window.caught=1</script><!--"


def test_text_of_a_file_is_text(viewer: Viewer) -> None:
    hostile = copy.deepcopy(replays.HAND_MADE)
    hostile["action_names"] = [MARKUP + str(i) for i in range(4)]
    hostile["inventory_items"] = [CLOSING, "__proto__"]
    hostile["object_types"] = ["agent", MARKUP, CLOSING]
    for thing in hostile["grid_objects"]:
        thing["type_name"] = hostile["object_types"][thing["type"]]
        thing[f"inv:{MARKUP}"] = 3
        thing["__proto__"] = {"polluted": 1}
    hostile["grid_objects"][3]["group_name"] = MARKUP
    hostile["config"]["game"]["objects"] = {
        MARKUP: {"input_resources": {CLOSING: 2}, "output_resources": {MARKUP: 1}, "cooldown": MARKUP},
        "constructor": 4,
    }
    page = viewer.open(replays.pack(hostile), title=CLOSING + MARKUP)
    assert page.evaluate("viewer.state") == "ready"
    viewer.seek(3)
    for key in (1, 2, 4):
        page.evaluate("id => viewer.select(id)", key)
        viewer.drawn()
        assert MARKUP[:20] in page.inner_text("#details")  # long names are cut
    page.hover("#map")
    assert page.inner_text("#title").startswith(CLOSING)
    assert page.title() == CLOSING + MARKUP
    assert page.locator("img").count() == 0
    assert page.evaluate("[window.caught, {}.polluted]") == [None, None]


@pytest.mark.parametrize("cut", [0, 1, 2, 40, -5, -1])
def test_an_embedded_file_that_is_cut_off(viewer: Viewer, cut: int) -> None:
    page = viewer.open(replays.pack(replays.HAND_MADE)[:cut])
    assert page.evaluate("viewer.state") == "error"
    assert page.is_visible("#message")
    assert page.inner_text("#message strong") == "Cannot play episode.json.z"
    assert len(page.inner_text("#message p")) > 10
    for key in ("Space", "n", "f", "End", "ArrowLeft", "Escape", "v", "z", "0"):
        page.keyboard.press(key)
    page.mouse.click(300, 300)


def test_every_flipped_bit_is_found(viewer: Viewer) -> None:
    page = viewer.open(None)
    good = replays.pack(replays.HAND_MADE)
    rng = random.Random(0)
    damaged = []
    for _ in range(150):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(data))
    for data, (state, text) in zip(damaged, _open_all(viewer, damaged), strict=True):
        # The check sum of the format catches all but changes of the header's unused bits.
        if state == "ready":
            assert zlib.decompress(data) == zlib.decompress(good)
        else:
            assert "damaged" in text or "not a replay" in text
    assert _open_all(viewer, [good]) == [["ready", ""]]
    assert page.is_hidden("#message")


def test_messages_name_what_is_wrong(viewer: Viewer) -> None:
    viewer.open(None)

    def changed(**changes: Any) -> bytes:
        return replays.pack({**replays.HAND_MADE, **changes})

    def thing(**changes: Any) -> bytes:
        return changed(grid_objects=[{**replays.HAND_MADE["grid_objects"][0], **changes}])

    cases = {
        b"": "The file is empty.",
        b"PK\x03\x04 a zip": "neither compressed (.json.z) nor JSON",
        b"[1, 2": "neither compressed (.json.z) nor JSON",
        b"{\"version\": 1,": "not JSON",
        b"{}": "version: nothing is not 1",
        b"{\"version\": \"\xff\"}": "not UTF-8",
        zlib.compress(b"[1]"): "its content is not a JSON object",
        zlib.compress(b"[" * 200_000): "not JSON",
        changed(version=2): "version: 2 is not 1",
        changed(version=MARKUP): f"version: {MARKUP} is not 1",
        changed(map_size=[3]): "map_size: [3] is not [width, height]",
        changed(map_size=[1e9, 2]): "map_size: [1000000000,2]",
        changed(max_steps=0): "max_steps: 0 is not in 1..10000000",
        changed(max_steps=1 << 40): "max_steps: 1099511627776",
        changed(action_names=None): "action_names: this list is missing",
        changed(grid_objects={}): "grid_objects: this list is missing",
        changed(grid_objects=[5]): "grid_objects[0]: 5 is not an object",
        thing(r=2): "grid_objects[0].r: 2 is not in 0..1",
        thing(c=[[0, 0], [1, -1]]): "grid_objects[0].c: -1 is not in 0..2",
        thing(c="left"): "grid_objects[0].c: left is not in 0..2",
        thing(type=None): "grid_objects[0].type: null is not a type number",
        thing(c=[[2, 0], [1, 1]]): "grid_objects[0].c: entry 1 has step 1",
    }  # fmt: skip
    for (data, expected), (state, text) in zip(cases.items(), _open_all(viewer, list(cases)), strict=True):
        assert state == "error", expected
        assert expected in text, (expected, text)


@pytest.mark.slow
def test_a_file_that_grows_without_end(viewer: Viewer) -> None:
    viewer.open(None)
    packer = zlib.compressobj(9)
    block = b" " * (1 << 24)
    bomb = b"".join([*(packer.compress(block) for _ in range(33)), packer.flush()])
    ((state, text),) = _open_all(viewer, [bomb])
    assert state == "error"
    assert "more than 512 MB" in text


def test_files_that_anything_was_done_to(viewer: Viewer) -> None:
    """Whatever is read without complaint must also be drawn, selected and played without an exception."""
    page = viewer.open(None)
    rng = random.Random(1)
    files = []
    for _ in range(250):
        replay = copy.deepcopy(replays.HAND_MADE)
        for _ in range(rng.randrange(1, 4)):
            _mutate(replay, rng)
        files.append(json.dumps(replay).encode())
    states = page.evaluate(
        """async files => {
          const states = [];
          for (const file of files) {
            await viewer.open(Uint8Array.from(atob(file), letter => letter.charCodeAt(0)), "x");
            states.push(viewer.state);
            if (viewer.state !== "ready") continue;
            for (const object of [null, ...viewer.replay.objects]) {
              viewer.select(object === null ? null : object.id);
              for (const time of [0, 0.5, viewer.lastStep]) { viewer.time = time; viewer.panelsDirty = true; viewer.draw(0); }
            }
            viewer.follow(true);
            viewer.draw(0);
          }
          return states;
        }""",
        [base64.b64encode(data).decode() for data in files],
    )
    assert set(states) == {"ready", "error"}


def test_dropped_and_chosen_files(viewer: Viewer) -> None:
    page = viewer.open(None, title="")
    assert "Drop a replay here" in page.inner_text("#message")
    for name, data in (("a.json.z", replays.pack(replays.HAND_MADE)), ("b.json", json.dumps(replays.HAND_MADE).encode())):
        page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
        viewer.wait(f"viewer.state === 'ready' && title.textContent === '{name}'")
    page.set_input_files("#file", {"name": "c.json.z", "mimeType": "application/octet-stream", "buffer": b"nonsense"})
    viewer.wait("viewer.state === 'error'")
    page.evaluate(
        """data => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([data], "dropped.json"));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        json.dumps(replays.HAND_MADE),
    )
    viewer.wait("viewer.state === 'ready'")
    assert page.inner_text("#title") == "dropped.json"


def _open_all(viewer: Viewer, files: list[bytes]) -> list[list[str]]:
    """[state, message] after each file."""
    return viewer.page.evaluate(
        """async files => {
          const found = [];
          for (const file of files) {
            await viewer.open(Uint8Array.from(atob(file), letter => letter.charCodeAt(0)), "x");
            found.push([viewer.state, document.getElementById("message-text").textContent]);
          }
          return found;
        }""",
        [base64.b64encode(data).decode() for data in files],
    )


def _mutate(value: Any, rng: random.Random) -> None:
    """Changes one thing somewhere inside a list or a dictionary."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.85:
            value = inner
            continue
        odd: list[Any] = [
            None, True, -1, 0, 1, 2.5, 1e300, "", "x" * 500, MARKUP, [], {}, [[]], [[0, None]], [[0, [1, 2]], [2, 3]],
            [[0, {}], [1, {"0": "a"}]], {"0": -3, "99": 1e99}, [None, None], 255, 1 << 53,
        ]  # fmt: skip
        value[key] = rng.choice(odd)
        return
