"""A device, for type checkers."""

from __future__ import annotations

from typing import Protocol


class Device(Protocol):
    """A `jax.Device`: jaxlib has the class, but ships no types of it."""

    @property
    def id(self) -> int:
        """Its number among all devices of the platform and all processes."""
        ...

    @property
    def platform(self) -> str:
        """ "cpu", "gpu", "tpu"."""
        ...

    @property
    def device_kind(self) -> str:
        """What the maker calls it."""
        ...
