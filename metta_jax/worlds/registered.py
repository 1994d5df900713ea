"""Worlds of other people: the table that `register` writes into, and the packages that fill it.

This table is the one part of the package that changes while a program runs, as gymnasium's registry is. It only maps
names to descriptions: nothing is built, compiled or read when a world is registered.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from importlib import metadata

from metta_jax.config import EnvConfig
from metta_jax.config.yaml_file import FILE_ENDINGS
from metta_jax.curriculum import changed
from metta_jax.worlds.families import family_worlds
from metta_jax.worlds.named_curricula import named_curricula
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

ENTRY_POINTS = "metta_jax.worlds"
"""The entry point group of packages that register worlds."""

_NAME = re.compile(r"\w[\w.]*(/\w[\w.]*)*", re.ASCII)
_TAKEN = ("curriculum", "env", "custom")  # first parts that mean something else


@dataclasses.dataclass(frozen=True)
class _Table:
    worlds: dict[str, World] = dataclasses.field(default_factory=dict)
    loaded: set[str] = dataclasses.field(default_factory=set)  # entry points, by "<name> = <value>"


_TABLE = _Table()


def register_world(name: str, world: World | EnvConfig, *, description: str | None = None) -> None:
    """Make a world known by name, wherever the name of a world is taken.

        worlds.register("lab/two_rooms", EnvConfig(game=..., map_builder=...), description="Find the altar.")

    Registering builds nothing. The name is known in this process, so another one must register it too: on the command
    line with `--import MODULE`, or always, by a package with an entry point in the group `metta_jax.worlds`. Its value
    is a module that registers worlds when it is imported, or `module:function`, which does so when it is called. Entry
    points are loaded when a name is not known, or when worlds are listed.

    Args:
      name: parts of letters, digits, `_` and `.`, with a `/` between them.
      world: a `World`, which takes the options that it says it takes; or an EnvConfig, which takes none.
      description: what is to be done in an EnvConfig's world, in one line; a `World` has its own.

    Raises:
      ValueError: a name that is taken, or that cannot be one; or a description that is given twice.
      TypeError: the name is not a text, or the world is neither.
    """
    _check_name(name)
    if not isinstance(world, World | EnvConfig):
        raise TypeError(f"worlds: {name!r} is to be a {type(world).__name__}; a World or an EnvConfig is needed")
    if isinstance(world, EnvConfig):
        world = _fixed_world(world, description or "")
    elif description is not None:
        raise ValueError(f"description: {description!r} is given for {name!r}, a World, which has its own")
    if name in _TABLE.worlds:
        raise ValueError(f"worlds: {name!r} is registered already; worlds.unregister({name!r}) takes it back")
    _TABLE.worlds[name] = world


def unregister_world(name: str) -> None:
    """Take back `register`. Raises a ValueError if no world of this name was registered."""
    if name not in _TABLE.worlds:
        known = ", ".join(sorted(_TABLE.worlds)) or "none"
        raise ValueError(f"worlds: {name!r} was not registered; registered are {known}")
    del _TABLE.worlds[name]


def find_world(name: str) -> World | None:
    """The world of this name; entry points are loaded if it is not known without them. None if there is none."""
    return _known(name) or (_known(name) if load_entry_points() else None)


def all_names() -> tuple[str, ...]:
    """The names of all worlds, those of entry points too, sorted."""
    load_entry_points()
    return tuple(sorted((*family_worlds(), *_TABLE.worlds)))


def load_entry_points() -> bool:
    """Load the entry points that have not been loaded; whether there were any. One that fails is a warning."""
    found = {f"{point.name} = {point.value}": point for point in metadata.entry_points(group=ENTRY_POINTS)}
    pending = {label: point for label, point in found.items() if label not in _TABLE.loaded}
    _TABLE.loaded.update(pending)  # before any is loaded: their modules may ask for worlds
    for label, point in pending.items():
        try:
            loaded = point.load()
            if point.attr:
                loaded()
        except Exception as error:
            package = "" if point.dist is None else f" of {point.dist.name}"
            problem = f"{type(error).__name__}: {error}"
            warnings.warn(f"worlds: the entry point {label!r}{package} failed: {problem}", stacklevel=2)
    return bool(pending)


def _known(name: str) -> World | None:
    return family_worlds().get(name) or _TABLE.worlds.get(name)


def _check_name(name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"worlds: {name!r} is no name; a text is needed")
    if not _NAME.fullmatch(name):
        allowed = "parts of letters, digits, '_' and '.', with a '/' between them"
        raise ValueError(f"worlds: {name!r} cannot be a name; names are {allowed}")
    if name.split("/")[0] in _TAKEN:
        raise ValueError(f"worlds: {name!r} cannot be a name; none begins with {' or '.join(map(repr, _TAKEN))}")
    if name.endswith(FILE_ENDINGS):
        raise ValueError(f"worlds: {name!r} cannot be a name; it would be taken for a file")
    if name in family_worlds():
        raise ValueError(f"worlds: {name!r} is one of the package's own worlds; choose another name")
    if name in named_curricula():
        raise ValueError(f"worlds: {name!r} is the name of a curriculum; choose another name")


def _fixed_world(config: EnvConfig, description: str) -> World:
    """A configuration as a world; only how far sampled numbers move can be chosen."""

    def build(options: WorldOptions) -> EnvConfig:
        return config if options.sampling == config.sampling else changed(config, {}, options.sampling)

    return World(build, description, takes=(), sampling=config.sampling)
