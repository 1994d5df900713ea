"""From the name of a device to the device."""

from __future__ import annotations

from typing import Any, TypeAlias

import jax

Device: TypeAlias = Any  # jax.Device, which type checkers take for a variable

_PLATFORMS = {"cuda": "gpu", "rocm": "gpu"}


def find_device(device: str | Device | None) -> Device | None:
    """The device that a name means: `"cpu"`, `"gpu"` or `"cuda"`, `"tpu"`, each with an index as in `"cuda:1"`.

    None means JAX's default and stays None.

    Raises:
      ValueError: this machine has no such device; lists what it has.
    """
    if device is None or isinstance(device, jax.Device):
        return device
    platform, _, index = device.partition(":")
    try:
        return jax.devices(_PLATFORMS.get(platform, platform))[int(index or 0)]
    except (RuntimeError, IndexError, ValueError):
        available = ", ".join(f"{found.platform}:{found.id}" for found in jax.devices())
        raise ValueError(f"device: {device!r} is not available; JAX sees {available}") from None
