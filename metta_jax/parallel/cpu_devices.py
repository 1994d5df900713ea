"""Several JAX devices on the cores of one CPU."""

from __future__ import annotations

import os

import jax

_FLAG = "--xla_force_host_platform_device_count"


def num_cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def make_cpu_devices(count: int) -> bool:
    """Make JAX split the CPU into `count` devices; call this before any other use of JAX.

    XLA runs small operations on one core, so several devices keep more cores busy. On a machine with an accelerator
    this has no effect: JAX prefers the accelerator's devices.

    Returns:
      Whether it worked: False if JAX has started already, or if its settings (`jax_num_cpu_devices`, XLA_FLAGS) fix
      the number of devices.

    Raises:
      ValueError: not a positive number.
    """
    if count < 1:
        raise ValueError(f"count: {count} is not at least 1")
    if jax.config.jax_num_cpu_devices != -1 or _FLAG in os.environ.get("XLA_FLAGS", ""):  # type: ignore[attr-defined]
        return False
    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # JAX has started
        return False
    return True
