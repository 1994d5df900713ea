"""FrozenDict: read-only, ordered, hashable."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.config import FrozenDict
from metta_jax.core.frozen_dict import freeze, thaw

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


class Point(NamedTuple):
    x: int
    y: int


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_freeze_and_thaw_are_inverse(data: dict[str, Any]) -> None:
    frozen = FrozenDict(data)
    assert frozen == data
    assert list(frozen) == list(data)
    assert thaw(frozen) == data
    backwards = FrozenDict(dict(reversed(data.items())))
    assert backwards == frozen
    assert hash(backwards) == hash(frozen)


def test_nested_values_are_frozen() -> None:
    frozen: FrozenDict[str, Any] = FrozenDict({"a": {"b": [1, {"c": 2}]}, "d": {3}, "e": Point(1, 2)})
    assert frozen["a"]["b"][1] == FrozenDict({"c": 2})
    assert frozen["d"] == frozenset({3})
    assert isinstance(frozen["e"], Point)
    assert isinstance(hash(frozen), int)


def test_cannot_be_changed() -> None:
    source = {"a": 1}
    frozen = FrozenDict(source)
    source["a"] = 2
    assert frozen["a"] == 1
    with pytest.raises(TypeError):
        frozen["a"] = 2  # type: ignore
    with pytest.raises(AttributeError, match="cannot be changed"):
        frozen._items = {}
    with pytest.raises(AttributeError, match="cannot be changed"):
        del frozen._items


def test_unhashable_values_are_refused() -> None:
    with pytest.raises(ValueError, match="bytearray"):
        freeze({"a": bytearray()})


def test_copies_and_pickles() -> None:
    frozen = FrozenDict({"a": {"b": 1}})
    assert copy.copy(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    assert pickle.loads(pickle.dumps(frozen)) == frozen


def test_missing_key_and_different_items() -> None:
    frozen = FrozenDict({"a": 1})
    with pytest.raises(KeyError):
        frozen["b"]
    assert frozen != {"a": 2}
    assert frozen != FrozenDict()
    assert "FrozenDict({'a': 1})" in repr(frozen)
