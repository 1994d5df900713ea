"""The named worlds: `worlds.list()`, `worlds.get(name)`, `worlds.describe(name)`; `Environment` is a batch of one.

`worlds.list_curricula()` and `worlds.make_curriculum(name)` are the same for curricula.
"""

from metta_jax.worlds.curricula import list_curricula, make_curriculum
from metta_jax.worlds.registry import canonical_name, describe, short_name
from metta_jax.worlds.registry import get_world as get
from metta_jax.worlds.registry import list_worlds as list
from metta_jax.worlds.registry import sample_world as sample

__all__ = ["canonical_name", "describe", "get", "list", "list_curricula", "make_curriculum", "sample", "short_name"]
