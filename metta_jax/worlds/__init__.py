"""The named worlds: `worlds.list()`, `worlds.get(name)`, `worlds.describe(name)`; `Environment` is a batch of one.

`worlds.sample(name, seed)` draws a world's sampled numbers; `worlds.suites` are the evaluation suites.
`worlds.list_curricula()` and `worlds.make_curriculum(name)` are the same for curricula.
"""

from metta_jax.worlds import suites
from metta_jax.worlds.curricula import list_curricula, make_curriculum
from metta_jax.worlds.picture import map_objects
from metta_jax.worlds.registry import canonical_name, describe, short_name
from metta_jax.worlds.registry import get_world as get
from metta_jax.worlds.registry import list_worlds as list
from metta_jax.worlds.registry import sample_world as sample

__all__ = [
    "canonical_name",
    "describe",
    "get",
    "list",
    "list_curricula",
    "make_curriculum",
    "map_objects",
    "sample",
    "short_name",
    "suites",
]
