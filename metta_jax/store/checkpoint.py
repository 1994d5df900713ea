"""A pytree of arrays on disk: bit for bit, written atomically, checked file by file and leaf by leaf when it is read.

A checkpoint is a directory: arrays that Orbax wrote, and a JSON document that says what they are, how many bytes and
which checksum every file has, and whatever else belongs to it. No code is stored, so a checkpoint outlives
refactorings as long as the names of the leaves stay. Policies and training states are checkpoints with more in their
document.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import jax
from pydantic import BeforeValidator, Field

from metta_jax.config.base import Config, ConfigError
from metta_jax.config.fields import as_tuple
from metta_jax.core.frozen_dict import FrozenMapping
from metta_jax.core.pytree import PyTree
from metta_jax.store.arrays import check_leaves, describe_leaves, named_leaves, read_arrays, write_arrays
from metta_jax.store.files import (
    DamagedError,
    SaveError,
    check_files,
    checksums,
    existing,
    new_directory,
    plain_text,
    read_json,
    replace_json,
    write_json,
)

State = TypeVar("State")

FORMAT = 1
MAX_LEAVES = 100_000
_LEAVES = "leaves.json"
_ARRAYS = "arrays"
_CONTENTS = ("leaves", "files")

_logger = logging.getLogger(__name__)

Size = Annotated[int, Field(ge=0, le=2**48)]
Shape = Annotated[tuple[Size, ...], BeforeValidator(as_tuple)]


class LeafDescription(Config, frozen=True):
    """Shape and dtype of one array."""

    shape: Shape = Field(max_length=32, description="Its axes. Required.")
    dtype: str = Field(max_length=40, description="Name of its dtype. Required.")


class FileDescription(Config, frozen=True):
    """Size and checksum of one file."""

    size: Size = Field(description="Bytes. Required.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Checksum. Required.")


class Contents(Config, frozen=True):
    """The part of a checkpoint's document that describes its arrays."""

    leaves: FrozenMapping[str, LeafDescription] = Field(max_length=MAX_LEAVES, description="By name. Required.")
    files: FrozenMapping[str, FileDescription] = Field(max_length=MAX_LEAVES, description="By path. Required.")


def save_pytree(path: str | os.PathLike[str], tree: PyTree) -> Path:
    """Write a pytree of arrays, typed keys included, and return its directory.

    A crash leaves either the old checkpoint at `path` or the new one. Blocks until everything is on disk and has been
    read back and compared. A link at `path` is replaced, not followed.

    Raises:
      ValueError: a leaf is not an array (the error names it), or `path` holds something other than a checkpoint.
      SaveError: it could not be written; an OSError. What was at `path` is unchanged.
    """
    return write_checkpoint(Path(path).absolute(), named_leaves(tree), {}, json_name=_LEAVES, arrays_name=_ARRAYS)


def load_pytree(path: str | os.PathLike[str], template: State) -> State | None:
    """Read what `save_pytree` wrote.

    Args:
      path: the checkpoint's directory.
      template: a pytree of the structure, shapes and dtypes that are expected: a state, or what `jax.eval_shape` gives
        for the function that makes one. Leaves that are arrays also say on which devices the loaded ones are put.

    Returns:
      The tree, or None if nothing is at `path`.

    Raises:
      DamagedError: it is no checkpoint, or not what was written. ValueError: it lacks a leaf, has one too many, or one
        of another shape or dtype; names it.
    """
    target = existing(Path(path).absolute())
    if not target.exists():
        return None
    document = read_document(target, _LEAVES)
    wanted = named_leaves(template)
    check_leaves(document["leaves"], wanted)
    arrays = read_checkpoint_arrays(target, document, wanted, arrays_name=_ARRAYS)
    return jax.tree.unflatten(jax.tree.structure(template), [arrays[name] for name in wanted])


def write_checkpoint(
    target: Path, leaves: Mapping[str, Any], document: Mapping[str, Any], *, json_name: str, arrays_name: str
) -> Path:
    """Write arrays and a JSON-able document as the directory `target`, which it returns.

    Raises SaveError if that fails, ValueError if `target` is something other than a checkpoint.
    """
    try:
        with new_directory(target) as temporary:
            write_arrays(temporary / arrays_name, leaves)
            contents = {"leaves": describe_leaves(leaves), "files": checksums(temporary / arrays_name)}
            write_json(temporary / json_name, {"format": FORMAT, **document, **contents})
            # The arrays were read back by `write_arrays` and `checksums`; this reads back the document itself.
            read_document(temporary, json_name)
    except (OSError, DamagedError) as error:
        number, problem = getattr(error, "errno", None), getattr(error, "strerror", None)
        raise SaveError(number or errno.EIO, f"could not be saved: {problem or error}", str(target)) from None
    return target


def read_document(path: Path, json_name: str) -> dict[str, Any]:
    """The document of a checkpoint, checked as far as it describes the arrays; the rest is the caller's to check.

    Raises:
      DamagedError: the document is missing, or is not what was written. ValueError: it has another format.
    """
    if not (path / json_name).exists():
        raise DamagedError(f"{path}: not a checkpoint: {json_name} is missing or cannot be read")
    document = read_json(path / json_name)
    version = document.pop("format", None)
    if version != FORMAT or isinstance(version, bool):
        raise ValueError(f"{path}: checkpoint format {plain_text(version, 20)} is not {FORMAT}")
    try:
        Contents.model_validate({name: document[name] for name in _CONTENTS if name in document})
    except ConfigError as error:
        raise DamagedError(f"{path / json_name}: {plain_text(error)}") from None
    return document


def change_document(path: Path, json_name: str, changes: Mapping[str, Any]) -> None:
    """Write other values into the document of a checkpoint, atomically; the arrays stay unchanged."""
    replace_json(path / json_name, {"format": FORMAT, **read_document(path, json_name), **changes})


def read_checkpoint_arrays(
    path: Path, document: Mapping[str, Any], wanted: Mapping[str, Any], *, arrays_name: str
) -> dict[str, jax.Array]:
    """The arrays `wanted` (see `read_arrays`) of a checkpoint whose files are what its document says.

    Raises DamagedError for a file that is missing, truncated or changed; names it.
    """
    check_files(path / arrays_name, document["files"])
    return read_arrays(path / arrays_name, wanted)
