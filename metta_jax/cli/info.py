"""`metta-jax info`."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import jax
import psutil

from metta_jax import __version__
from metta_jax.agent.device import device_name
from metta_jax.mettagrid.engine_path import choose_path
from metta_jax.monitor.device_facts import default_precision, device_memory, driver_version, product_precision
from metta_jax.rl.memory import format_bytes

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pydantic")


def run(options: argparse.Namespace) -> None:
    del options
    rows = [("metta-jax", __version__), ("python", platform.python_version()), ("platform", platform.platform())]
    rows += [(name, metadata.version(name)) for name in _PACKAGES]
    host = psutil.virtual_memory()
    memory = f"{format_bytes(host.total)} of memory, {format_bytes(host.available)} of it free"
    rows.append(("host", f"{psutil.cpu_count()} cores, {memory}"))
    devices = jax.devices()
    for device in devices:
        rows += _facts(device)
    precision = default_precision()
    setting = f"jax_default_matmul_precision={precision}"
    for kind in dict.fromkeys(device.platform for device in devices):
        rows.append(("float32 products", f"{kind}: {product_precision(kind, precision)}, by {setting}"))
    for name, value in rows:
        print(f"{name:18}{value}")


def _facts(device: Any) -> Iterator[tuple[str, str]]:
    """The name, memory, engine path and driver of a device."""
    yield "device", f"{device_name(device)} {device.device_kind}"
    memory = device_memory(device)
    if "limit" in memory:
        in_use = format_bytes(memory.get("in_use", 0))
        yield "  memory", f"{format_bytes(memory['limit'])} for JAX, {in_use} of it in use"
    yield "  engine", f"the {choose_path(device).name} path"
    driver = driver_version(device)
    if driver is not None:
        yield "  driver", driver
