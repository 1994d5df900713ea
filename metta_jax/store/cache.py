"""A small thread-safe store of what was used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """At most `size` values by key; the one that was not used for the longest time goes first. Thread-safe.

    Raises:
      ValueError: "Cache size must be positive".
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("Cache size must be positive")
        self.size = size
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Value | None:
        """The value, which counts as a use, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: str, value: Value) -> None:
        """Add or replace a value; it is the one that was used last."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.size:
                self._values.popitem(last=False)

    def discard(self, key: str) -> None:
        """Forget a value, if it is there."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()

    def keys(self) -> list[str]:
        """All keys, the one that was used last at the end."""
        with self._lock:
            return list(self._values)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)
