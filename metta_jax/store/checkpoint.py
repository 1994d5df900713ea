"""A pytree of arrays on disk: bit for bit, written atomically, checked leaf by leaf when it is read.

A checkpoint is a directory: `arrays/` is written by Orbax, `leaves.json` says what is in it. No code is stored, so a
checkpoint outlives refactorings as long as the names of the leaves stay.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

State = TypeVar("State")

FORMAT = 1
_LEAVES = "leaves.json"
_ARRAYS = "arrays"

_logger = logging.getLogger(__name__)


def save_train_state(path: str | os.PathLike[str], state: Any) -> Path:
    """Writes a pytree of arrays, typed keys included, and returns its directory.

    A crash leaves either the old checkpoint at `path` or the new one. Blocks until everything is on disk.

    Raises:
      ValueError: a leaf is no array; names it.
    """
    target = Path(path).absolute()
    leaves = _named_leaves(state)
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    description = {name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)} for name, leaf in leaves.items()}
    # Orbax refuses arrays without elements; their shape says all there is to say.
    ocp.save(str(temporary / _ARRAYS), {name: leaf for name, leaf in leaves.items() if leaf.size})
    (temporary / _LEAVES).write_text(json.dumps({"format": FORMAT, "leaves": description}), encoding="utf-8")
    _put_in_place(temporary, target)
    return target


def load_train_state(path: str | os.PathLike[str], template: State) -> State | None:
    """Reads what `save_train_state` wrote.

    Args:
      path: the checkpoint's directory.
      template: a pytree of the structure, shapes and dtypes that are expected: a state, or what `jax.eval_shape` gives
        for the function that makes one. Leaves that are arrays also say on which devices the loaded ones are put.

    Returns:
      The state, or None if nothing is at `path` (a new run).

    Raises:
      ValueError: the checkpoint is no checkpoint, lacks a leaf, has one too many, or one of another shape or dtype.
    """
    target = Path(path).absolute()
    if not target.exists():
        target = _set_aside(target)
    if not target.exists():
        _logger.info("No trainer state found at %s. Assuming a new run!", path)
        return None
    wanted = _named_leaves(template)
    _check(target, wanted)
    stored = {name: _abstract(leaf) for name, leaf in wanted.items() if leaf.size}
    arrays = ocp.load(str(target / _ARRAYS), stored)
    for name, leaf in wanted.items():
        if not leaf.size:
            arrays[name] = jax.numpy.zeros(leaf.shape, leaf.dtype)
    return jax.tree.unflatten(jax.tree.structure(template), [arrays[name] for name in wanted])


def _named_leaves(tree: Any) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if not isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            raise ValueError(f"{name}: {leaf!r} is a {type(leaf).__name__}, not an array")
        if name in leaves:
            raise ValueError(f"{name}: two leaves have this name")
        leaves[name] = leaf
    return leaves


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    sharding = getattr(leaf, "sharding", None) or jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _check(target: Path, wanted: dict[str, Any]) -> None:
    try:
        description = json.loads((target / _LEAVES).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise ValueError(f"{target}: not a checkpoint: {_LEAVES} is missing or cannot be read") from None
    if description["format"] != FORMAT:
        raise ValueError(f"{target}: checkpoint format {description['format']} is not {FORMAT}")
    stored = description["leaves"]
    for name, leaf in wanted.items():
        if name not in stored:
            raise ValueError(f"Checkpoint is missing required key: {name}")
        there = (tuple(stored[name]["shape"]), stored[name]["dtype"])
        if there != (leaf.shape, str(leaf.dtype)):
            raise ValueError(
                f"{name}: the checkpoint has {there[1]} {list(there[0])}, expected is {leaf.dtype} {list(leaf.shape)}"
            )
    unknown = sorted(set(stored) - set(wanted))
    if unknown:
        raise ValueError(f"{unknown[0]}: the checkpoint has this leaf, but none is expected there")


def _set_aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _put_in_place(temporary: Path, target: Path) -> None:
    """Two renames: between them the old checkpoint is under another name, where `load_train_state` finds it."""
    aside = _set_aside(target)
    if target.exists():
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
    temporary.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
