"""The named worlds: `worlds.list()`, `worlds.get(name)`, and `Environment`, a batch of one of them."""

from metta_jax.worlds.registry import canonical_name
from metta_jax.worlds.registry import get_world as get
from metta_jax.worlds.registry import list_worlds as list

__all__ = ["canonical_name", "get", "list"]
