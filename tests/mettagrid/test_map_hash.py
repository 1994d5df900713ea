from __future__ import annotations

import pytest

from metta_jax.mettagrid.map_hash import map_hash, wyhash

ROOM = [["wall", "wall", "wall"], ["wall", "agent.agent", "wall"], ["wall", "wall", "wall"]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 10602188539874428322), (b"a", 12460635889546412024), (b"abc", 10996464419072905673)],
)
def test_hash_of_short_bytes(data: bytes, expected: int):
    assert wyhash(data) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([["agent.agent", "empty"]], 9514259741731255030), (ROOM, 17647686008681801711)],
)
def test_hash_of_maps(rows: list[list[str]], expected: int):
    assert map_hash(rows) == expected


def test_hash_sees_every_byte():
    for length in range(1, 120):
        data = bytes(range(length))
        hashes = {wyhash(data[:i] + b"\xff" + data[i + 1 :]) for i in range(length)}
        assert len(hashes | {wyhash(data)}) == length + 1
