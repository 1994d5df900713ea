"""How many bytes a Python object holds: arrays by their contents, everything else by its deep size."""

from __future__ import annotations

import logging
import sys
import threading
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

# Parts of the program rather than of an object: following them would count half of the interpreter.
_NOT_FOLLOWED = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    logging.Logger,
    threading.Thread,
    weakref.ref,
)
_SEQUENCES = (list, tuple, set, frozenset)


def object_size(value: Any) -> int:
    """Bytes of an object and all that it holds; what is held twice counts once, so cycles do not matter.

    An array counts its contents, shape x dtype, and so does a pytree of arrays only: nothing is added for its
    containers. As soon as there is any other leaf, containers, keys and attributes count too, as `sys.getsizeof` says.
    Functions, classes and modules count nothing.
    """
    arrays, others, only_arrays = 0, 0, True
    seen: set[int] = set()
    # A list and not recursion: a long chain of objects would exhaust the stack.
    open_objects = [value]
    alive = []  # values made on the fly would give their ids to the next ones
    while open_objects:
        current = open_objects.pop()
        if current is None or id(current) in seen or isinstance(current, _NOT_FOLLOWED):
            continue
        seen.add(id(current))
        alive.append(current)
        if isinstance(current, jax.Array | np.ndarray | np.generic):
            arrays += array_size(current)
            if isinstance(current, np.ndarray) and current.dtype == object:
                open_objects += current.ravel().tolist()
            continue
        others += sys.getsizeof(current, 0)
        children = _children(current)
        if not children and not isinstance(current, (*_SEQUENCES, Mapping)):
            only_arrays = False
        others += sum(sys.getsizeof(key, 0) for key, _ in children if key is not None)
        open_objects += [child for _, child in children]
    return arrays if only_arrays and arrays else arrays + others


def array_size(array: Any) -> int:
    """Bytes of an array's contents, shape x dtype; 0 if it was deleted or donated.

    A sharded array is as large as all its shards together. Parts of which several devices have copies count once; of
    an array over several processes only the parts that are here.
    """
    if not isinstance(array, jax.Array):
        return int(array.nbytes)
    if array.is_deleted():
        return 0
    if array.is_fully_addressable:
        return int(array.nbytes)
    parts = {str(shard.index): int(shard.data.nbytes) for shard in array.addressable_shards}
    return sum(parts.values())


def fields_of(value: Any) -> dict[str, Any]:
    """What an object stores by name: items of a mapping with text keys, attributes, slots. No properties are asked."""
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if isinstance(key, str)}
    names = [name for kind in type(value).__mro__ for name in _slots(kind)]
    fields = {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, tuple):
        fields |= zip(getattr(value, "_fields", ()), value, strict=False)  # a named tuple
    return fields | getattr(value, "__dict__", {})


def _children(value: Any) -> list[tuple[Any, Any]]:
    """(key, object) of everything that an object holds; the key is None where there is none."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, _SEQUENCES):
        return [(None, item) for item in value]
    # The names of attributes belong to the class, not to the object.
    return [(None, item) for item in fields_of(value).values()]


def _slots(kind: type) -> Iterator[str]:
    slots = kind.__dict__.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        if name not in ("__dict__", "__weakref__"):
            # Private names are stored under the name of their class.
            yield f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
