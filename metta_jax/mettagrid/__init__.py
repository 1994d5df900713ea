"""The grid environment: many agents on one map, as pure functions."""

from metta_jax.mettagrid.batch_env import BatchEnv
from metta_jax.mettagrid.engine_path import EnginePath
from metta_jax.mettagrid.env_spec import EnvSpec
from metta_jax.mettagrid.environment import MettaGrid
from metta_jax.mettagrid.tasks import TaskGrid, task_params
from metta_jax.mettagrid.types import EnvParams, EnvState, MapFn, TimeStep
from metta_jax.mettagrid.vector import EpisodeInfo, TaskChooser, VectorEnv, VectorState, VectorTimeStep

__all__ = [
    "BatchEnv",
    "EnginePath",
    "EnvParams",
    "EnvSpec",
    "EnvState",
    "EpisodeInfo",
    "MapFn",
    "MettaGrid",
    "TaskChooser",
    "TaskGrid",
    "TimeStep",
    "VectorEnv",
    "VectorState",
    "VectorTimeStep",
    "task_params",
]
