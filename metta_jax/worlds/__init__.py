"""The named worlds: `worlds.list()`, `worlds.get(name)`, `worlds.describe(name)`; `Environment` is a batch of one."""

from metta_jax.worlds.registry import canonical_name, describe, short_name
from metta_jax.worlds.registry import get_world as get
from metta_jax.worlds.registry import list_worlds as list
from metta_jax.worlds.registry import sample_world as sample

__all__ = ["canonical_name", "describe", "get", "list", "sample", "short_name"]
