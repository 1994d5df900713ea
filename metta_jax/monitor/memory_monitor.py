"""How much memory chosen objects hold, and how that changes."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from metta_jax.monitor.object_size import fields_of, object_size

_MB = 1024 * 1024
_SMALLEST_MB = 0.001
_GETTERS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
_DEVICE_KEYS = ("bytes_in_use", "peak_bytes_in_use", "bytes_limit")


class _GarbageCollected(Exception):
    """The object is no more."""


@dataclass
class _Entry:
    resolve: Callable[[], Any]
    initial_size: int
    is_weak: bool
    parent: str | None = None


class MemoryMonitor:
    """Sizes of objects by name. Sizes are bytes by `object_size`; MB are 1024 * 1024 bytes.

    An object that allows it is held by a weak reference: the monitor keeps nothing alive. Training states are replaced
    in every step, so give a new one with `update`, or give a function that returns the current one:

        memory.add(lambda: state, name="TrainState", track_attributes=True)
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._tracks_attributes: dict[str, bool] = {}

    def add(self, obj: object, name: str | None = None, track_attributes: bool = False) -> None:
        """Track an object; one of the same name is replaced.

        Args:
          obj: the object, or a function without arguments that returns it at every reading.
          name: None: `<file>:<line>.<type>` of the caller and the object.
          track_attributes: adds an entry `<name>.<field>` per field (dataclass fields and other attributes, slots,
            mapping keys).
        """
        value = obj() if isinstance(obj, _GETTERS) else obj
        if name is None:
            frame = inspect.currentframe()
            assert frame is not None
            caller = frame.f_back
            assert caller is not None
            name = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}.{type(value).__name__}"
        self._track(obj, value, name, track_attributes, {})

    def update(self, name: str, obj: object) -> None:
        """Replace the object of `name`; its fields follow, initial sizes stay.

        Raises:
          ValueError: nothing is tracked under that name.
        """
        if name not in self._tracks_attributes:
            raise ValueError(f"name: nothing is tracked as {name!r} (tracked: {', '.join(self._tracks_attributes)})")
        value = obj() if isinstance(obj, _GETTERS) else obj
        initial = {key: entry.initial_size for key, entry in self._entries.items() if name in (key, entry.parent)}
        self._track(obj, value, name, self._tracks_attributes[name], initial)

    def remove(self, name: str) -> bool:
        """Forget an object and its fields; whether there was one."""
        self._tracks_attributes.pop(name, None)
        for key in [key for key, entry in self._entries.items() if entry.parent == name]:
            del self._entries[key]
        return self._entries.pop(name, None) is not None

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._tracks_attributes.clear()

    def get(self, name: str) -> dict[str, Any]:
        """current_size, initial_size, size_change (bytes), current_size_mb, size_change_mb (3 digits), is_weak.

        {} for an unknown name; {"status": "garbage_collected"} if the object is no more; {"status": "error"} if it
        could not be read, for example because it has lost that field.
        """
        entry = self._entries.get(name)
        if entry is None:
            return {}
        try:
            size = object_size(entry.resolve())
        except _GarbageCollected:
            return {"status": "garbage_collected"}
        except Exception:  # a getter is the user's code: a monitor must not end the run that it watches
            return {"status": "error"}
        change = size - entry.initial_size
        return {
            "current_size": size,
            "current_size_mb": round(size / _MB, 3),
            "initial_size": entry.initial_size,
            "size_change": change,
            "size_change_mb": round(change / _MB, 3),
            "is_weak": entry.is_weak,
        }

    def stats(self) -> dict[str, float]:
        """{name: MB} of everything above 0.001 MB that can be read."""
        sizes = {name: self.get(name).get("current_size", 0) / _MB for name in self._entries}
        return {name: size for name, size in sizes.items() if size > _SMALLEST_MB}

    @staticmethod
    def device_memory() -> dict[str, dict[str, int]]:
        """{device: {bytes_in_use, peak_bytes_in_use, bytes_limit}} of this process, as far as devices report them.

        CPUs report nothing: {}.
        """
        reports = {str(device): device.memory_stats() for device in jax.local_devices()}
        return {
            device: {key: int(report[key]) for key in _DEVICE_KEYS if key in report}
            for device, report in reports.items()
            if report
        }

    def _track(self, obj: Any, value: Any, name: str, track_attributes: bool, initial: Mapping[str, int]) -> None:
        """Replace the entries of a name; sizes are measured for those that `initial` does not have."""
        self.remove(name)
        self._tracks_attributes[name] = track_attributes
        resolve, is_weak = (obj, False) if isinstance(obj, _GETTERS) else _reference(obj)
        size = initial[name] if name in initial else object_size(value)
        self._entries[name] = _Entry(resolve, size, is_weak)
        for field, part in fields_of(value).items() if track_attributes else ():
            key = f"{name}.{field}"
            size = initial[key] if key in initial else object_size(part)
            self._entries[key] = _Entry(functools.partial(_field, resolve, field), size, is_weak, parent=name)


def _reference(obj: Any) -> tuple[Callable[[], Any], bool]:
    """A function that returns the object, and whether it holds it weakly."""
    try:
        reference = weakref.ref(obj)
    except TypeError:
        return (lambda: obj), False
    return functools.partial(_dereference, reference), True


def _dereference(reference: weakref.ref[Any]) -> Any:
    obj = reference()
    if obj is None:
        raise _GarbageCollected
    return obj


def _field(resolve: Callable[[], Any], name: str) -> Any:
    return fields_of(resolve())[name]
