"""Devices by name, and where arrays are."""

from __future__ import annotations

import importlib.util
from typing import cast

import jax
from jax.core import Tracer

from metta_jax.core.device import Device
from metta_jax.core.pytree import PyTree

_INSTALLS = {
    # platform: (extra of this package, what it installs)
    "cuda": ("cuda12", ("jax_cuda12_plugin", "jax_cuda13_plugin")),
    "gpu": ("cuda12", ("jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm7_plugin", "jax_rocm60_plugin")),
    "tpu": ("tpu", ("libtpu",)),
}

_ALIASES = {"gpu": ("cuda", "rocm"), "cuda": ("gpu",)}


def find_device(device: Device | str | None) -> Device | None:
    """The first available device of a name like "cpu", "cuda", "tpu", "cuda:1", or of a list "cuda,cpu".

    None means JAX's default and stays None; a jax.Device is returned unchanged.

    Raises:
      ValueError: none of them is there; says what JAX sees, and what is missing.
    """
    if device is None or isinstance(device, jax.Device):
        return cast("Device | None", device)
    names = [name.strip().lower() for name in str(device).split(",")]
    for name in names:
        found = _find(name)
        if found is not None:
            return found
    available = ", ".join(map(device_name, jax.devices()))
    hint = _what_is_missing(names[0].partition(":")[0]) or f"'{device},cpu' would fall back to the CPU"
    raise ValueError(f"device: {device!r} is not available; JAX sees {available}; {hint}")


def device_name(device: Device) -> str:
    """The name by which `find_device` finds it: "cpu:0", "gpu:1"."""
    try:
        return f"{device.platform}:{_devices(device.platform).index(device)}"
    except (RuntimeError, ValueError):  # a device that no process has: of a topology
        return f"{device.platform}:{device.id}"


def default_device() -> Device:
    """Where JAX puts arrays that are not placed explicitly."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    if isinstance(device, str):
        return jax.devices(device)[0]
    return jax.local_devices()[0] if device is None else device  # others are those of other processes


def device_of(tree: PyTree) -> Device | None:
    """The one device that arrays of a pytree were explicitly put on; None if there is none, or several.

    Arrays that were not placed explicitly go where the others are, so they are ignored; so is what is being traced.
    """
    devices = {
        device
        for leaf in jax.tree.leaves(tree)
        if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.committed
        for device in leaf.devices()
    }
    return devices.pop() if len(devices) == 1 else None


def _find(name: str) -> Device | None:
    """The device of one name."""
    platform, separator, index = name.partition(":")
    # "" would be JAX's default to `jax.devices`, and -1 the last one of a list.
    if not platform or (separator and not (index.isascii() and index.isdigit())):
        return None
    try:
        return _devices(platform)[int(index or 0)]
    except (RuntimeError, IndexError):
        return None


def _devices(platform: str) -> list[Device]:
    return jax.local_devices(backend=platform)


def _what_is_missing(platform: str) -> str | None:
    """Why there is no device of an accelerator's platform; None if nothing is known about it."""
    if platform not in _INSTALLS:
        return None
    extra, modules = _INSTALLS[platform]
    try:
        _devices(platform)
    except RuntimeError as error:
        allowed = _allowed_platforms()
        if not any(map(_is_installed, modules)):
            return f'this JAX has no {platform}: pip install "metta-jax[{extra}]"; see docs/accelerators.md'
        if allowed and {platform, *_ALIASES.get(platform, ())}.isdisjoint(allowed.split(",")):
            return f"JAX_PLATFORMS={allowed} leaves it out"
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None


def _allowed_platforms() -> str | None:
    return jax.config.jax_platforms  # type: ignore[attr-defined]


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
