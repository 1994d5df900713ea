"""Checkpoints: bit for bit, atomic, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbax.checkpoint import v1 as ocp

from metta_jax.store.checkpoint import load_pytree, save_pytree


class _Counter(NamedTuple):
    low: jax.Array
    high: jax.Array


class _State(flax.struct.PyTreeNode):
    params: dict
    opt_state: object
    key: jax.Array
    counter: _Counter
    nothing: None = None


def _state(seed: int = 0) -> _State:
    key = jax.random.key(seed)
    params = {
        "layer/1": {"kernel": jax.random.normal(key, (3, 4))},
        "half": jnp.asarray([0.1, jnp.nan], jnp.bfloat16),
        "scalar": jnp.float32(-0.0),
        "flags": jnp.asarray([True, False]),
        "bytes": jnp.arange(4, dtype=jnp.uint8),
        "none of them": jnp.zeros((0, 3), jnp.int16),
        "keys": jax.random.split(key, 5),
    }
    weights = {"layer": params["layer/1"]}
    return _State(
        params,
        optax.adam(1e-3).init(weights),
        jax.random.fold_in(key, 7),
        _Counter(jnp.uint32(2**32 - 1), jnp.uint32(1)),
    )


def _bits(leaf: jax.Array) -> bytes:
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf).tobytes()


def _is_weak(leaf: jax.Array) -> bool:
    return getattr(leaf, "weak_type", False)  # arrays of keys have no such attribute


def _assert_equal(first, second) -> None:
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert (a.shape, a.dtype, _is_weak(a)) == (b.shape, b.dtype, _is_weak(b))
        assert _bits(a) == _bits(b)


def test_round_trip_is_bit_equal(tmp_path) -> None:
    state = _state()
    path = save_pytree(tmp_path / "runs" / "0001", state)
    loaded = load_pytree(path, _state(seed=1))
    _assert_equal(state, loaded)
    assert loaded is not None
    assert bool(jax.random.bits(loaded.key) == jax.random.bits(state.key))


def test_the_template_may_be_abstract(tmp_path) -> None:
    path = save_pytree(tmp_path / "state", _state())
    _assert_equal(_state(), load_pytree(path, jax.eval_shape(_state)))


def test_leaves_go_to_the_devices_of_the_template(tmp_path) -> None:
    path = save_pytree(tmp_path / "state", {"a": jnp.arange(3)})
    second = jax.devices()[1]
    loaded = load_pytree(path, {"a": jax.device_put(jnp.arange(3), second)})
    assert loaded is not None
    assert loaded["a"].devices() == {second}


def test_nothing_there_is_none(tmp_path) -> None:
    assert load_pytree(tmp_path / "nowhere", _state()) is None


def test_saving_again_replaces(tmp_path) -> None:
    path = save_pytree(tmp_path / "state", {"a": jnp.zeros(2)})
    save_pytree(path, {"a": jnp.ones(2)})
    _assert_equal({"a": jnp.ones(2)}, load_pytree(path, {"a": jnp.zeros(2)}))
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("crash_in", ["writing", "between the renames"])
def test_a_crash_leaves_the_old_checkpoint(tmp_path, monkeypatch, crash_in: str) -> None:
    path = save_pytree(tmp_path / "state", {"a": jnp.zeros(2)})

    def crash(*_args, **_kwargs) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if crash_in == "writing":
            patch.setattr(ocp, "save", crash)
        else:
            rename = Path.rename
            patch.setattr(Path, "rename", lambda self, to: crash() if self.name.endswith(".new") else rename(self, to))
        save_pytree(path, {"a": jnp.ones(2)})

    _assert_equal({"a": jnp.zeros(2)}, load_pytree(path, {"a": jnp.ones(2)}))
    save_pytree(path, {"a": 2 * jnp.ones(2)})
    _assert_equal({"a": 2 * jnp.ones(2)}, load_pytree(path, {"a": jnp.ones(2)}))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"a": {"b": jnp.zeros(2)}, "c": jnp.zeros(1)}, "^Checkpoint is missing required key: c$"),
        ({"a": {"b": jnp.zeros(3)}}, r"^a/b: the checkpoint has float32 \[2\], expected is float32 \[3\]$"),
        ({"a": {"b": jnp.zeros(2, jnp.int32)}}, r"^a/b: the checkpoint has float32 \[2\], expected is int32 \[2\]$"),
        ({}, "^a/b: the checkpoint has this leaf, but none is expected there$"),
    ],
)
def test_another_structure_is_an_error_that_names_the_leaf(tmp_path, template, message: str) -> None:
    path = save_pytree(tmp_path / "state", {"a": {"b": jnp.zeros(2)}})
    with pytest.raises(ValueError, match=message):
        load_pytree(path, template)


def test_another_kind_of_key_is_an_error(tmp_path) -> None:
    path = save_pytree(tmp_path / "state", {"key": jax.random.key(0)})
    with pytest.raises(ValueError, match="^key: the checkpoint has key<fry>"):
        load_pytree(path, {"key": jax.random.key(0, impl="rbg")})


def test_only_arrays_can_be_saved(tmp_path) -> None:
    with pytest.raises(ValueError, match="^a: 3 is a int, not an array$"):
        save_pytree(tmp_path / "state", {"a": 3})
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_no_checkpoint(tmp_path) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        load_pytree(tmp_path, {"a": jnp.zeros(2)})


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_one_bit_anywhere_is_found(small: Path, data: st.DataObject) -> None:
    template = {"a": jnp.arange(6.0), "key": jax.random.key(3)}
    files = sorted(file for file in small.rglob("*") if file.is_file() and file.stat().st_size)
    file = data.draw(st.sampled_from(files))
    content = file.read_bytes()
    position, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    file.write_bytes(changed)
    try:
        loaded = load_pytree(small, template)
    except ValueError as error:
        assert str(small) in str(error)  # noqa: PT017
    else:  # only white space can change unseen
        assert file.name == "leaves.json"
        assert json.loads(changed) == json.loads(content)
        _assert_equal(loaded, template)
    finally:
        file.write_bytes(content)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return save_pytree(tmp_path_factory.mktemp("small") / "state", {"a": jnp.arange(6.0), "key": jax.random.key(3)})
