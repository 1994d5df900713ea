"""A run of several processes, on one machine or many: starting it, and communication between processes."""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

from metta_jax.parallel.spread import moved

_Tree = TypeVar("_Tree")

HEARTBEAT_S = 30  # seconds without a heartbeat of one process after which JAX ends the others


def start_processes(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the other processes of a run; call this in each of them before any other use of JAX.

    Args:
      coordinator: host:port where process 0 listens. If all three arguments are None, JAX finds them itself under
        SLURM, Open MPI, Kubernetes and Cloud TPU.
      num_processes: of the run. process_id: 0..num_processes - 1, different in each process.

    Raises:
      ValueError: only some are given, or none outside of such a cluster.
    """
    given = (coordinator, num_processes, process_id)
    if None in given and given != (None, None, None):
        raise ValueError("coordinator: goes with num_processes and process_id; give all three, or none in a cluster")
    options: dict[str, Any] = {}
    if coordinator is not None:
        options["cluster_detection_method"] = "deactivate"
        if coordinator.rpartition(":")[0] in ("127.0.0.1", "localhost"):
            options["coordinator_bind_address"] = coordinator  # or it would listen to other machines too
    try:
        jax.distributed.initialize(*given, heartbeat_timeout_seconds=HEARTBEAT_S, **options)
    except ValueError as error:
        raise ValueError(
            f"distributed: {error} JAX detected no known cluster (SLURM, Open MPI, Kubernetes, Cloud TPU); give "
            "coordinator (host:port of process 0), num_processes and process_id"
        ) from None


def is_first() -> bool:
    """Whether this process writes logs, databases, checkpoints and replays. True if there is only one process."""
    return jax.process_index() == 0


def largest(number: int) -> int:
    """The largest of the numbers of all processes; each of them must call this."""
    return number if jax.process_count() == 1 else int(max(_all(number)))


def check_same(name: str, number: int) -> None:
    """Raise a ValueError in all processes unless they have the same number; `name` says what it is."""
    if jax.process_count() == 1:
        return
    numbers = [int(value) for value in _all(number)]
    for index, value in enumerate(numbers):
        if value != numbers[0]:
            raise ValueError(
                f"{name}: process {index} has {value}, process 0 has {numbers[0]}; all processes need the same files, "
                "so run_dir must be on a file system that all of them see"
            )


def wait_for_all(what: str) -> None:
    """Block until all processes have called this."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(what)


def to_first(tree: _Tree) -> _Tree:
    """Gather the arrays of a tree in the host memory of the first process; with one process, return `tree` itself.

    All processes must call this. Arrays are gathered one by one, so that no device needs memory for all of them. In the
    other processes the leaves are None.
    """
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(_to_first, tree)


def _to_first(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _to_first(jax.random.key_data(leaf))
        return None if data is None else jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(leaf))
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        assert isinstance(leaf.sharding, NamedSharding)
        everywhere = NamedSharding(leaf.sharding.mesh, PartitionSpec())
        leaf = moved(leaf, everywhere)
    return np.asarray(leaf) if is_first() else None


def _all(number: int) -> Any:
    # As two 32-bit words, since 64-bit integers are not enabled in JAX.
    words = np.asarray([number >> 31, number & 0x7FFFFFFF], np.int32)
    found = np.asarray(multihost_utils.process_allgather(words), np.int64)
    return (found[:, 0] << 31) | found[:, 1]
