"""Sizes of objects, worked out by hand."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from hypothesis import given
from hypothesis import strategies as st

from metta_jax.monitor.object_size import array_size, fields_of, object_size


class _Node(struct.PyTreeNode):
    weights: Any
    counts: Any


class _Pair(NamedTuple):
    first: Any
    second: Any


class _Slotted:
    __slots__ = ("__hidden", "given", "missing")

    def __init__(self) -> None:
        self.given = np.zeros(10, np.int8)
        self.__hidden = np.zeros(3, np.int8)


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (jnp.zeros((3, 4), jnp.float32), 48),
        (jnp.zeros((3, 4), jnp.bfloat16), 24),
        (jnp.zeros((), jnp.int32), 4),
        (jnp.zeros((5, 0)), 0),
        (jax.random.key(0), 8),
        (jax.random.split(jax.random.key(0), 3), 24),
        (np.zeros((7,), np.float64), 56),
        (np.zeros((10,), np.int32)[::2], 20),
        (np.float32(1.0).reshape(()), 4),
    ],
)
def test_arrays(array: Any, size: int) -> None:
    assert object_size(array) == size


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1))
def test_a_tree_of_arrays_is_as_large_as_its_arrays(shapes: list[tuple[int, int]]) -> None:
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    tree = {"a": arrays[:1], "b": _Pair(tuple(arrays[1:]), None), "c": {"d": {}}}
    expected = sum(4 * rows * columns for rows, columns in shapes)
    if expected:
        assert object_size(tree) == object_size(_Node(weights=tree, counts=())) == expected


def test_what_is_held_twice_counts_once() -> None:
    array = jnp.zeros((100,), jnp.float32)
    assert object_size([array, {"again": array}]) == 400


def test_cycles_end() -> None:
    cycle: list[Any] = [np.zeros(100, np.uint8)]
    cycle.append(cycle)
    assert object_size(cycle) == 100


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    chain: Any = None
    for _ in range(100_000):
        chain = [chain]
    assert object_size(chain) == 100_000 * sys.getsizeof([None])


def test_other_objects_count_with_their_containers() -> None:
    text, number = "x" * 1000, 10**50
    expected = sum(map(sys.getsizeof, ({"key": text}, "key", text)))
    assert object_size({"key": text}) == expected
    assert object_size([number, number]) == sys.getsizeof([0, 0]) + sys.getsizeof(number)
    mixed = [np.zeros(100, np.uint8), text]
    assert object_size(mixed) == 100 + sys.getsizeof(mixed) + sys.getsizeof(text)


def test_objects_count_what_they_store_and_no_code() -> None:
    @dataclasses.dataclass
    class Holder:
        array: Any
        function: Any = print
        kind: Any = dict
        module: Any = np

    holder = Holder(np.zeros(50, np.uint8))
    assert object_size(holder) == 50
    assert object_size(_Slotted()) == 13


def test_a_sharded_array_is_as_large_as_its_shards() -> None:
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    array = jnp.zeros((8, 4), jnp.float32)
    split = jax.device_put(array, jax.NamedSharding(mesh, jax.sharding.PartitionSpec("x")))
    copied = jax.device_put(array, jax.NamedSharding(mesh, jax.sharding.PartitionSpec()))
    assert len(split.addressable_shards) == len(copied.addressable_shards) == 2
    assert object_size(split) == object_size(copied) == object_size(array) == 128


def test_of_an_array_over_several_processes_the_local_parts_count() -> None:
    class _Elsewhere:
        """Stands for an array of which this process has two of four shards, one of them on two devices."""

        def __init__(self) -> None:
            self.shards = [(slice(0, 2), 16), (slice(2, 4), 16), (slice(2, 4), 16)]

        is_fully_addressable = False
        nbytes = 64

        def is_deleted(self) -> bool:
            return False

        @property
        def addressable_shards(self) -> list[Any]:
            @dataclasses.dataclass
            class Shard:
                index: tuple[slice]
                data: np.ndarray

            return [Shard((index,), np.zeros(size, np.uint8)) for index, size in self.shards]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "Array", _Elsewhere)
        assert array_size(_Elsewhere()) == 32


def test_a_deleted_array_holds_nothing() -> None:
    array = jnp.zeros((100,), jnp.float32)
    array.delete()
    assert object_size({"a": array}) == sys.getsizeof({"a": array}) + sys.getsizeof("a")


def test_fields() -> None:
    class Plain:
        def __init__(self) -> None:
            self.a = 1

        @property
        def costly(self) -> int:
            raise AssertionError("properties are not asked")

    assert fields_of(Plain()) == {"a": 1}
    assert fields_of({"a": 1, 2: 3}) == {"a": 1}
    assert fields_of(_Pair(1, 2)) == {"first": 1, "second": 2}
    assert set(fields_of(_Slotted())) == {"given", "_Slotted__hidden"}
    assert set(fields_of(_Node(weights=1, counts=2))) == {"weights", "counts"}
    assert fields_of(3) == {}
