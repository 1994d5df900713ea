"""Replay files that are damaged, or made to do harm: a clear error each time, or a replay that can be used."""

from __future__ import annotations

import copy
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import metta_jax.api
import metta_jax.sim
import metta_jax.viewer
from metta_jax.replays import Replay, read_replay
from metta_jax.replays.file import parse_json
from tests.replays.test_replay import EXAMPLE

GOOD = zlib.compress(json.dumps(EXAMPLE).encode())

text = st.text("ab0<&\"'\n\0\ud800", max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def use(data: bytes) -> None:
    """Reads bytes as a file would be read; only a ValueError may come out, else every step must be there."""
    try:
        replay = Replay(parse_json(data, 10**6))
    except ValueError:
        return
    for step in range(min(replay.num_steps, 10)):
        assert len(replay.objects_at(step)) == len(replay.data["grid_objects"])


@unhurried
@given(st.integers(0, len(GOOD) - 1))
def test_truncated(length: int) -> None:
    with pytest.raises(ValueError, match="replay"):
        parse_json(GOOD[:length])


@unhurried
@given(st.integers(0, 8 * len(GOOD) - 1))
def test_one_bit_flipped(bit: int) -> None:
    data = bytearray(GOOD)
    data[bit // 8] ^= 1 << bit % 8
    use(bytes(data))


@unhurried
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    use(data)
    use(b"{" + data)


@settings(unhurried, max_examples=300)
@given(st.data())
def test_one_part_replaced(data: st.DataObject) -> None:
    """Anywhere in the tree, by anything."""
    tree = copy.deepcopy(EXAMPLE)
    node: Any = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        child = node[key]
        if not child or not isinstance(child, dict | list) or data.draw(st.integers(0, 3)) == 0:
            break
        node = child
    if data.draw(st.booleans()):
        node[key] = data.draw(values)
    else:
        del node[key]
    use(json.dumps(tree).encode())


def _changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(EXAMPLE), **changes}


def _agent(**changes: Any) -> dict[str, Any]:
    tree = copy.deepcopy(EXAMPLE)
    tree["grid_objects"][3] |= changes
    return tree


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "not a replay: a list instead of an object"),
        ({}, "version: missing; a replay has version 1"),
        (_changed(version=2), "version: 2 is not 1"),
        (_changed(version=True), "version: True is not 1"),
        (_changed(num_agents=2), r"num_agents: 2, but the objects have agent_id \[0\]"),
        (_changed(max_steps=0), "max_steps: 0 is not in 1..1000000"),
        (_changed(max_steps=10**100), "max_steps: a huge number is not in"),
        (_changed(map_size=[3]), r"map_size: \[3\] is not \[width, height\]"),
        (_changed(map_size=[10**9, 2]), r"map_size\[0\]: 1000000000 is not in 1..10000"),
        (_changed(action_names="<script>"), "action_names: '<script>' is not a list of names"),
        (_changed(grid_objects={}), "grid_objects: an object is not a list"),
        (_changed(config=[]), "config: a list is not an object"),
        (_agent(id=3), "grid_objects: an id is used twice"),
        (_agent(type=9), r"grid_objects\[3\].type: 9 is not in 0..2"),
        (_agent(c=[[0, 0], [1, 3]]), r"grid_objects\[3\].c\[1\]\[1\]: 3 is not in 0..2"),
        (_agent(c=[[1, 0]]), r"grid_objects\[3\].c\[0\]\[0\]: 1 is not 0, where a series begins"),
        (_agent(c=[[0, 0], [2, 1], [2, 0]]), r"grid_objects\[3\].c\[2\]\[0\]: 2 does not follow step 2"),
        (_agent(c=[[0, 0], [4, 1]]), r"grid_objects\[3\].c\[1\]\[0\]: 4 is not in 0..3"),
        (_agent(c=[[0, 0], [1]]), r"grid_objects\[3\].c\[1\]: \[1\] is not \[step, value\]"),
        (_agent(c=[]), r"grid_objects\[3\].c: a series without entries"),
        (_agent(id=[[0, 4]]), r"grid_objects\[3\].id: a series is not allowed here"),
        (_agent(type_name=7), r"grid_objects\[3\].type_name: a number is not text"),
        (_agent(inventory=[1, 2]), r"grid_objects\[3\].inventory\[0\]: 1 is not \[step, value\]"),
        (_agent(inventory={"2": 1}), r"grid_objects\[3\].inventory: '2' is not the index of one of 2"),
        (_agent(inventory={"__proto__": 1}), r"grid_objects\[3\].inventory: '__proto__' is not the index"),
        (_agent(action=[[0, [1]]]), r"grid_objects\[3\].action\[0\]\[1\]: \[1\] is not \[type, argument\]"),
        (_agent(reward={"a": 1}), r"grid_objects\[3\].reward: an object is not a number, a text or a truth value"),
        (_agent(**{"<b>": []}), r"grid_objects\[3\].'<b>': a series without entries"),
    ],
)
def test_every_error_names_the_place(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Replay(data)


def test_a_constant_action_of_the_original_is_read() -> None:
    assert Replay(_agent(action=[3, 1])).objects_at(2)[4]["action"] == [3, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"version": NaN}', "NaN is no JSON number"),
        (b'{"version": -Infinity}', "-Infinity is no JSON number"),
        (b'{"version": 1e999}', "the number 1e999 is too large"),
        (b'{"version": 1, "version": 1}', "the key 'version' is given twice"),
        (b'{"version": ' + b"9" * 5000 + b"}", "not a replay"),
        (b'{"a":' * 100_000, "not a replay"),
        (b'{"a": "\xff"}', "no UTF-8 text"),
        (b"\x80\x04\x95.", "neither JSON nor zlib-compressed"),
    ],
)
def test_text_that_is_not_json(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_sizes_are_limited(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.json.z"
    bomb.write_bytes(zlib.compress(b" " * 10**7))
    assert bomb.stat().st_size < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bomb.json.z: more than 1000000 bytes of JSON are too many for a replay"):
            read_replay(bomb, max_json_bytes=10**6)
        assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError, match=r"bomb.json.z: more than 100 bytes are too many for a replay"):
        read_replay(bomb, max_file_bytes=100)
    with pytest.raises(ValueError, match="more than 3 bytes of JSON"):
        parse_json(b"{    }", 3)
    with pytest.raises(ValueError, match="4 bytes follow the compressed data"):
        parse_json(GOOD + b"more")


def test_plain_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    path.write_text(json.dumps(EXAMPLE), encoding="utf-8")
    assert read_replay(path).num_steps == 4
    path.write_text(f"\n {json.dumps(EXAMPLE, indent=1)}\n", encoding="utf-8")
    assert read_replay(str(path)).data == EXAMPLE
    with pytest.raises(FileNotFoundError):
        read_replay(tmp_path / "nothing.json.z")
    with pytest.raises(ValueError, match="is not a file"):
        read_replay(tmp_path)


def test_bytes_are_read_as_a_file_of_them_is() -> None:
    assert read_replay(GOOD).data == read_replay(json.dumps(EXAMPLE).encode()).data == EXAMPLE
    for data, message in (
        (GOOD[:-3], "^replay: not a complete replay: the compressed data end too early$"),
        (b"", "^replay: not a complete replay"),
        (b"{", "^replay: not a replay: no JSON"),
        (zlib.compress(b"[]"), "^replay: not a replay: a list instead of an object$"),
    ):
        with pytest.raises(ValueError, match=message):
            read_replay(data)
    with pytest.raises(ValueError, match="^replay: more than 100 bytes are too many for a replay$"):
        read_replay(GOOD, max_file_bytes=100)


def test_one_reader() -> None:
    """Whichever package it is imported from."""
    assert read_replay is metta_jax.sim.read_replay is metta_jax.viewer.read_replay is metta_jax.api.read_replay
