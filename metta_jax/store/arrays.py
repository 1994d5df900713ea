"""Named arrays in a directory, written and read by Orbax. Nothing but numbers is stored, no code and no classes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.device import default_device
from metta_jax.core.pytree import PyTree
from metta_jax.store.alone import orbax_alone
from metta_jax.store.files import DamagedError, SaveError, plain_text
from metta_jax.store.places import plain_name
from metta_jax.store.quiet import drop_coroutines, quiet_orbax

if TYPE_CHECKING:
    from orbax.checkpoint import v1 as ocp

SEPARATOR = "/"
_TIMEOUT_S = 10**9
_PART_BYTES = 256 * 2**20  # read back at a time


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """The leaves of a pytree by their path, joined with "/". ValueError for a leaf that is not an array."""
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
    if _is_key(leaf):
        return jnp.copy(leaf)
    return np.array(leaf, copy=True)


def describe_leaves(leaves: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: {"shape": [...], "dtype": name}}."""
    return {name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)} for name, leaf in leaves.items()}


def write_arrays(directory: Path, leaves: Mapping[str, Any]) -> None:
    """Write arrays, typed keys included, to a directory that does not exist. Blocks until they are on disk.

    They are read back and compared bit for bit, since Orbax may silently save less than it was given.

    Raises SaveError, with what went wrong in one line.
    """
    from orbax.checkpoint import v1 as ocp

    context = _context()
    # Otherwise a failed save leaves threads waiting for a directory, and the process cannot exit for five minutes.
    context.asynchronous.create_directories_asynchronously = False
    # Orbax measures the timeout by the time of day: setting the clock could abort a save that has just begun.
    context.asynchronous.timeout_secs = _TIMEOUT_S
    try:
        # Orbax refuses arrays without elements; their shape says all there is to say.
        stored = {name: _to_write(leaf) for name, leaf in leaves.items() if leaf.size}
        with quiet_orbax(), plain_name(directory) as path, context, orbax_alone():
            ocp.save(path, stored)
            different = _first_different(path, stored)
    except Exception as error:  # Orbax and TensorStore raise many kinds, some with pages of text
        drop_coroutines(error)
        is_full = getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)
        if is_full:
            raise SaveError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory)) from None
        text = plain_text(f"{type(error).__name__}: {error}", 300)
        raise SaveError(errno.EIO, text, str(directory)) from None
    if different is not None:
        raise SaveError(errno.EIO, f"{different} does not read back as it was written", str(directory))


def read_arrays(directory: Path, wanted: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Read the arrays `wanted`: {name: anything with shape, dtype and perhaps a sharding}.

    The request must cover all arrays of the directory, with their shapes. DamagedError if that fails.
    """
    from orbax.checkpoint import v1 as ocp

    stored = {name: _to_read(leaf) for name, leaf in wanted.items() if leaf.size}
    try:
        with quiet_orbax(), plain_name(directory) as path, _context():
            arrays = dict(ocp.load(path, stored)) if stored else {}
    except Exception as error:  # Orbax and TensorStore raise many kinds; none of them is the caller's doing
        drop_coroutines(error)
        raise DamagedError(f"{directory}: cannot be read ({type(error).__name__}: {plain_text(error, 200)})") from None
    return {name: _placed(arrays.get(name), leaf) for name, leaf in wanted.items()}


def _context() -> ocp.Context:
    """Orbax for this process only: of several processes, the first writes, and each reads independently."""
    from orbax.checkpoint import v1 as ocp  # takes a second to load, for which nothing waits before it is needed

    context = ocp.Context()
    if jax.process_count() > 1:
        me = jax.process_index()
        context.multiprocessing.primary_host = me
        context.multiprocessing.active_processes = {me}
        context.multiprocessing.barrier_sync_key_prefix = f"process_{me}"
    return context


def check_leaves(stored: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Any]) -> None:
    """Raise ValueError, with the leaf's name, unless `stored` (see `describe_leaves`) describes `wanted`."""
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


def _first_different(path: str, leaves: Mapping[str, Any]) -> str | None:
    """Name of the first array whose bits at `path` differ from `leaves`; None if all are equal."""
    from orbax.checkpoint import v1 as ocp

    parts: list[dict[str, Any]] = []
    num_bytes = 0
    for name, leaf in leaves.items():
        size = leaf.size * leaf.dtype.itemsize
        if not parts or num_bytes + size > _PART_BYTES:
            parts.append({})
            num_bytes = 0
        parts[-1][name] = leaf
        num_bytes += size
    for part in parts:
        wanted = {name: np.empty_like(part[name]) if name in part else ocp.PLACEHOLDER for name in leaves}
        found = ocp.load(path, wanted)
        for name, leaf in part.items():
            if not np.array_equal(_bytes(found[name]), _bytes(leaf)):
                return name
    return None


def _bytes(array: Any) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_write(leaf: Any) -> np.ndarray:
    """In host memory, a typed key as its words: TensorStore leaks a few kilobytes whenever Orbax handles a jax.Array.

    (Orbax asks it for statistics then, which are never freed: tensorstore 0.1.86, orbax-checkpoint 0.12.8.)
    """
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _to_read(leaf: Any) -> np.ndarray:
    """An array of the same kind as `_to_write` gave for one like `leaf`; its numbers mean nothing."""
    if _is_key(leaf):
        leaf = jax.eval_shape(jax.random.key_data, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype))
    return np.empty(leaf.shape, leaf.dtype)


def _placed(array: np.ndarray | None, leaf: Any) -> jax.Array:
    """What was read for `leaf`, None for one without elements, where and as `leaf` wants it."""
    sharding = getattr(leaf, "sharding", None) or default_device()
    if array is None:
        return jax.device_put(jnp.zeros(leaf.shape, leaf.dtype), sharding)
    if not _is_key(leaf):
        return jax.device_put(array, sharding)
    impl = jax.random.key_impl(jnp.zeros((), leaf.dtype))
    return jax.device_put(jax.random.wrap_key_data(jnp.asarray(array), impl=impl), sharding)
