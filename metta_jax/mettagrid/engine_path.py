"""Where a program runs decides its shape: how much of a batch one operation covers.

An accelerator wants few large operations over all environments and agents: the wide path, which is the reference. A CPU
wants to stay in its caches: the narrow path plays a batch in chunks and lets one agent of every environment act at a
time. Both make the same integers, and a state saved on one resumes on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax

from metta_jax.core.device import Device

CHUNK_AGENTS = 768  # their arrays fit in a second-level cache of 1 MiB; measured in benchmarks/NOTES.md


@dataclass(frozen=True)
class EnginePath:
    """A path of the engine, see `choose_path`.

    Attributes:
      chunk_agents: agents, of all environments together, that are played at a time; None for all at once.
    """

    chunk_agents: int | None

    def __post_init__(self) -> None:
        size = self.chunk_agents
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"chunk_agents: {size!r} is not a positive integer, or None for all agents at once")

    @property
    def is_wide(self) -> bool:
        return self.chunk_agents is None

    @property
    def name(self) -> Literal["wide", "narrow"]:
        return "wide" if self.is_wide else "narrow"


WIDE = EnginePath(None)


def choose_path(device: Device | None = None, engine_path: EnginePath | str | None = None) -> EnginePath:
    """The path of a program that runs on `device`: narrow on a CPU, wide elsewhere.

    Args:
      device: a jax.Device; None: JAX's default.
      engine_path: "wide", "narrow" or an `EnginePath` instead of what the device decides, for example to export a
        program for another platform, or `EnginePath(chunk_agents=1536)` for a CPU with larger caches.

    Raises:
      ValueError: if `engine_path` is none of these.
    """
    if isinstance(engine_path, EnginePath):
        return engine_path
    if engine_path is None:
        platform = jax.default_backend() if device is None else device.platform
        engine_path = "narrow" if platform == "cpu" else "wide"
    if engine_path not in ("wide", "narrow"):
        raise ValueError(f'engine_path: {engine_path!r} is not "wide", "narrow" or an EnginePath')
    return WIDE if engine_path == "wide" else EnginePath(CHUNK_AGENTS)


def path_of(env: object, device: Device | None = None, engine_path: EnginePath | str | None = None) -> EnginePath:
    """The requested path; else, unless a device is named, the path that `env` plays on; else that of the device.

    Args:
      env: an environment. One that is not ours may have an attribute `path`, an `EnginePath`, too.
      device, engine_path: see `choose_path`.
    """
    if engine_path is None and device is None:
        engine_path = getattr(env, "path", None)
    return choose_path(device, engine_path)
