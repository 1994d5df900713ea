"""Metadata: four fields that are always there, anything JSON can hold in addition."""

from __future__ import annotations

import copy
import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metta_jax.store import PolicyMetadata
from metta_jax.store.metadata import REQUIRED_FIELDS, check_metadata


def test_defaults() -> None:
    assert PolicyMetadata() == {"agent_step": 0, "epoch": 0, "generation": 0, "train_time": 0.0}


def test_items_are_attributes() -> None:
    metadata = PolicyMetadata(epoch=3, score=0.5)
    assert (metadata.epoch, metadata["epoch"], metadata.score, metadata.agent_step) == (3, 3, 0.5, 0)
    metadata.score = 0.75
    metadata["run"] = "a"
    assert (metadata["score"], metadata.run) == (0.75, "a")
    del metadata.score
    assert "score" not in metadata
    with pytest.raises(AttributeError, match="no field 'score'"):
        _ = metadata.score
    with pytest.raises(AttributeError, match="no field 'score'"):
        del metadata.score
    assert metadata.get("score", 1) == 1
    assert not hasattr(metadata, "__deepcopy__")


@pytest.mark.parametrize("name", list(REQUIRED_FIELDS))
def test_required_fields_cannot_be_removed(name: str) -> None:
    metadata = PolicyMetadata(score=1)
    with pytest.raises(ValueError, match=f"^Cannot delete required field: {name}$"):
        del metadata[name]
    with pytest.raises(ValueError, match=f"^Cannot delete required field: {name}$"):
        delattr(metadata, name)
    with pytest.raises(ValueError, match=f"^Cannot pop required field: {name}$"):
        metadata.pop(name)
    with pytest.raises(ValueError, match=f"^Cannot pop required field: {name}$"):
        metadata.pop(name, None)
    assert metadata.pop("score") == 1
    assert metadata.pop("score", 7) == 7
    with pytest.raises(KeyError):
        metadata.popitem()
    metadata.clear()
    assert metadata == REQUIRED_FIELDS


def test_from_dict_needs_all_of_them() -> None:
    complete = {**REQUIRED_FIELDS, "epoch": 4, "score": 1.0}
    assert PolicyMetadata.from_dict(complete).to_dict() == complete
    with pytest.raises(ValueError, match=r"^Missing required fields: \{'agent_step', 'train_time'\}$"):
        PolicyMetadata.from_dict({"epoch": 1, "generation": 1})


def test_copies_are_independent_and_of_the_same_class() -> None:
    metadata = PolicyMetadata(evals={"a": 1})
    for other in (metadata.copy(), copy.copy(metadata), copy.deepcopy(metadata)):
        assert isinstance(other, PolicyMetadata)
        other.epoch = 9
    assert metadata.epoch == 0


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_json_values_are_kept_as_they_are(extras: dict[str, Any]) -> None:
    metadata = PolicyMetadata({**extras, **REQUIRED_FIELDS})
    assert json.loads(json.dumps(check_metadata(metadata))) == metadata


def test_numbers_of_arrays_become_numbers() -> None:
    given = {"a": np.float32(0.5), "b": jnp.int32(3), "c": np.arange(2), "d": (1, 2), "e": float("nan"), "f": [-np.inf]}
    plain = check_metadata(PolicyMetadata(given))
    assert {name: plain[name] for name in given} == {"a": 0.5, "b": 3, "c": [0, 1], "d": [1, 2], "e": None, "f": [None]}
    assert check_metadata(PolicyMetadata(epoch=np.int64(3)))["epoch"] == 3


class _Hostile:
    def __reduce__(self) -> Any:
        raise AssertionError("nothing is pickled here")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {"b": [object()]}}, r"^metadata\.a\.b\[0\]: a value of type object cannot be stored as JSON$"),
        ({"a": _Hostile()}, r"^metadata\.a: a value of type _Hostile cannot"),
        ({"a": {1: 2}}, r"^metadata\.a: the key 1 is not text$"),
        ({"a": 2**64}, r"^metadata\.a: 1844.* is beyond 64 bits$"),
        ({"a": b"x"}, r"^metadata\.a: a value of type bytes"),
        ({"epoch": -1}, r"^metadata\.epoch: -1 is not a whole number of at least 0$"),
        ({"epoch": 1.5}, r"^metadata\.epoch: 1\.5 is not a whole number"),
        ({"agent_step": True}, r"^metadata\.agent_step: True is not"),
        ({"train_time": "long"}, r"^metadata\.train_time: 'long' is not a number of at least 0$"),
        ({"train_time": float("nan")}, r"^metadata\.train_time: nan is not"),
    ],
)
def test_what_cannot_be_stored_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_metadata(PolicyMetadata(values))


def test_nesting_is_bounded() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(ValueError, match="nested deeper than 32 levels$"):
        check_metadata(PolicyMetadata(a=value))
