"""The grid environment: many agents on one map, as pure functions."""

from metta_jax.mettagrid.environment import MettaGrid
from metta_jax.mettagrid.types import EnvParams, EnvState, TimeStep
from metta_jax.mettagrid.vector import EpisodeInfo, VectorEnv, VectorState, VectorTimeStep

__all__ = [
    "EnvParams",
    "EnvState",
    "EpisodeInfo",
    "MettaGrid",
    "TimeStep",
    "VectorEnv",
    "VectorState",
    "VectorTimeStep",
]
