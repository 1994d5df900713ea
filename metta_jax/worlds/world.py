"""What a named world is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from metta_jax.config import EnvConfig
from metta_jax.worlds.options import WorldOptions

World: TypeAlias = Callable[[WorldOptions], EnvConfig]
