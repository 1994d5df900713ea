"""`metta-jax info`."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import Any

import jax

from metta_jax import __version__

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pydantic")


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("info", help="versions and devices, for a bug report")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    del options
    rows = [("metta-jax", __version__), ("python", platform.python_version()), ("platform", platform.platform())]
    rows += [(name, metadata.version(name)) for name in _PACKAGES]
    rows += [("device", f"{device.platform}:{device.id} {device.device_kind}") for device in jax.devices()]
    for name, value in rows:
        print(f"{name:18}{value}")
