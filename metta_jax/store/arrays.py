"""Named arrays in a directory, written and read by Orbax. Nothing but numbers is stored, no code and no classes."""

from __future__ import annotations

import gc
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from orbax.checkpoint import v1 as ocp

from metta_jax.store.files import DamagedError, plain_text

SEPARATOR = "/"


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by their path, joined with "/". ValueError for a leaf that is no array."""
    leaves: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=SEPARATOR)
        if not isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            raise ValueError(f"{name}: {leaf!r} is a {type(leaf).__name__}, not an array")
        if name in leaves:
            raise ValueError(f"{name}: two leaves have this name")
        leaves[name] = leaf
    return leaves


def host_copy(leaf: Any) -> Any:
    """A copy that later donations cannot reach: in host memory, or of the few words of a typed key."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jnp.copy(leaf)
    return np.array(leaf, copy=True)


def describe_leaves(leaves: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: {"shape": [...], "dtype": name}}."""
    return {name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)} for name, leaf in leaves.items()}


def write_arrays(directory: Path, leaves: Mapping[str, Any]) -> None:
    """Writes arrays, typed keys included, to a directory that does not exist. Blocks until they are there."""
    # Orbax refuses arrays without elements; their shape says all there is to say.
    ocp.save(str(directory), {name: leaf for name, leaf in leaves.items() if leaf.size})


def read_arrays(directory: Path, wanted: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Reads the arrays `wanted`: {name: anything with shape, dtype and perhaps a sharding}.

    All arrays of the directory must be asked for, with the shapes that they have. DamagedError if that fails.
    """
    stored = {name: _abstract(leaf) for name, leaf in wanted.items() if leaf.size}
    try:
        arrays = dict(ocp.load(str(directory), stored)) if stored else {}
    except Exception as error:  # Orbax and TensorStore raise many kinds; none of them is the caller's doing
        _drop_coroutines(error)
        raise DamagedError(f"{directory}: cannot be read ({type(error).__name__}: {plain_text(error, 200)})") from None
    for name, leaf in wanted.items():
        if not leaf.size:
            arrays[name] = jnp.zeros(leaf.shape, leaf.dtype)
    return {name: arrays[name] for name in wanted}


def check_leaves(stored: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Any]) -> None:
    """Raises ValueError, with the leaf's name, unless `stored` (see `describe_leaves`) describes `wanted`."""
    for name, leaf in wanted.items():
        if name not in stored:
            raise ValueError(f"Checkpoint is missing required key: {name}")
        there = (tuple(stored[name]["shape"]), stored[name]["dtype"])
        if there != (tuple(leaf.shape), str(leaf.dtype)):
            raise ValueError(
                f"{name}: the checkpoint has {there[1]} {list(there[0])}, expected is {leaf.dtype} {list(leaf.shape)}"
            )
    unknown = sorted(set(stored) - set(wanted))
    if unknown:
        raise ValueError(f"{unknown[0]}: the checkpoint has this leaf, but none is expected there")


def _drop_coroutines(error: Exception) -> None:
    """Orbax leaves coroutines behind that it never started; Python would warn of them at some later time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        traceback.clear_frames(error.__traceback__)
        gc.collect()


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    sharding = getattr(leaf, "sharding", None) or jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
