"""Training on several devices, and several runs at once."""

from metta_jax.parallel.cpu_devices import make_cpu_devices, num_cores
from metta_jax.parallel.divisors import DividedSizes
from metta_jax.parallel.mesh import ENVS, env_mesh
from metta_jax.parallel.placement import shard_params, shard_train_state, train_state_shardings
from metta_jax.parallel.population import (
    inherit,
    init_population,
    member,
    population_step,
    shard_population,
    stack_hyperparameters,
)
from metta_jax.parallel.population_results import PopulationResults
from metta_jax.parallel.processes import (
    HEARTBEAT_S,
    check_same,
    is_first,
    largest,
    start_processes,
    to_first,
    wait_for_all,
)
from metta_jax.parallel.sharded import ShardedTraining, divide_training, shard_training

__all__ = [
    "ENVS",
    "HEARTBEAT_S",
    "DividedSizes",
    "PopulationResults",
    "ShardedTraining",
    "check_same",
    "divide_training",
    "env_mesh",
    "inherit",
    "init_population",
    "is_first",
    "largest",
    "make_cpu_devices",
    "member",
    "num_cores",
    "population_step",
    "shard_params",
    "shard_population",
    "shard_train_state",
    "shard_training",
    "stack_hyperparameters",
    "start_processes",
    "to_first",
    "train_state_shardings",
    "wait_for_all",
]
