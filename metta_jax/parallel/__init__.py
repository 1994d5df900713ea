"""Training on several devices, and several runs at once."""

from metta_jax.parallel.mesh import ENVS, env_mesh
from metta_jax.parallel.placement import shard_params, shard_train_state, train_state_shardings
from metta_jax.parallel.population import init_population, member, population_step, shard_population
from metta_jax.parallel.sharded import ShardedTraining, shard_training

__all__ = [
    "ENVS",
    "ShardedTraining",
    "env_mesh",
    "init_population",
    "member",
    "population_step",
    "shard_params",
    "shard_population",
    "shard_train_state",
    "shard_training",
    "train_state_shardings",
]
