"""From the name of a device to the device."""

from __future__ import annotations

from typing import Any

import jax

_PLATFORMS = {"cuda": "gpu", "rocm": "gpu"}


def find_device(device: Any) -> Any:
    """The first available device of a name like "cpu", "cuda", "tpu", "cuda:1", or of a list "cuda,cpu".

    None means JAX's default and stays None; a jax.Device is returned as it is. Raises ValueError if none is there.
    """
    if device is None or isinstance(device, jax.Device):
        return device
    for name in str(device).split(","):
        platform, _, index = name.strip().partition(":")
        try:
            return jax.devices(_PLATFORMS.get(platform, platform))[int(index or 0)]
        except (RuntimeError, IndexError, ValueError):
            continue
    available = ", ".join(f"{found.platform}:{found.id}" for found in jax.devices())
    raise ValueError(
        f"device: {device!r} is not available; JAX sees {available} ('{device},cpu' would fall back to the CPU)"
    )
