"""The devices of a run."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import Mesh

from metta_jax.core.device import Device

Devices = Mesh | Sequence[Device] | int | None
"""A mesh of `env_mesh`, or what it takes."""

ENVS = "envs"  # the only axis: environments, and everything that goes with one


def env_mesh(devices: Devices = None) -> Mesh:
    """A mesh with one axis over which environments are divided.

    Args:
      devices: the devices, or how many of the available ones; None: all of them. In a run of several processes
        (`jax.distributed.initialize()`) these are the devices of all processes. A mesh comes back unchanged.

    Raises:
      ValueError: no device, or more than there are.
    """
    if isinstance(devices, Mesh):
        return devices
    available = jax.devices()
    if devices is None:
        chosen: Sequence[Device] = available
    elif isinstance(devices, int):
        if not 1 <= devices <= len(available):
            raise ValueError(f"devices: {devices} is not in 1..{len(available)}, the number of available devices")
        chosen = available[:devices]
    else:
        chosen = devices
        if not chosen:
            raise ValueError("devices: the list is empty; at least one is needed")
    return Mesh(np.asarray(chosen), (ENVS,))
