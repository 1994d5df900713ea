"""The named worlds: `worlds.list()`, `worlds.get(name)`, `worlds.describe(name)`; `Environment` is a batch of one.

`worlds.sample(name, seed)` draws a world's sampled numbers; `worlds.suites` are the evaluation suites.
`worlds.register(name, world)` gives a world of your own a name; `worlds.read(source)` takes a file as well.
`worlds.list_curricula()` and `worlds.make_curriculum(name)` are the same for curricula.
"""

from metta_jax.worlds import suites
from metta_jax.worlds.curricula import list_curricula, make_curriculum
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.picture import map_objects
from metta_jax.worlds.registered import register_world as register
from metta_jax.worlds.registered import unregister_world as unregister
from metta_jax.worlds.registry import canonical_name, describe, is_world, short_name
from metta_jax.worlds.registry import get_world as get
from metta_jax.worlds.registry import list_worlds as list
from metta_jax.worlds.registry import sample_world as sample
from metta_jax.worlds.source import read_world as read
from metta_jax.worlds.world import World

__all__ = [
    "World",
    "WorldOptions",
    "canonical_name",
    "describe",
    "get",
    "is_world",
    "list",
    "list_curricula",
    "make_curriculum",
    "map_objects",
    "read",
    "register",
    "sample",
    "short_name",
    "suites",
    "unregister",
]
