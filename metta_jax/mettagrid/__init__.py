"""The grid environment: many agents on one map, as pure functions."""

from metta_jax.mettagrid.environment import MettaGrid
from metta_jax.mettagrid.tasks import TaskGrid, task_params
from metta_jax.mettagrid.types import EnvParams, EnvState, TimeStep
from metta_jax.mettagrid.vector import EpisodeInfo, VectorEnv, VectorState, VectorTimeStep

__all__ = [
    "EnvParams",
    "EnvState",
    "EpisodeInfo",
    "MettaGrid",
    "TaskGrid",
    "TimeStep",
    "VectorEnv",
    "VectorState",
    "VectorTimeStep",
    "task_params",
]
