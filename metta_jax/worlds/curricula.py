"""Curricula over the named worlds, and what their names mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from metta_jax.config import EnvConfig
from metta_jax.core.hints import near_misses
from metta_jax.curriculum import AnyKind, Curriculum, Kind, SingleTask, build_curriculum, changed, override, read_kind
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.families import family_worlds
from metta_jax.worlds.named_curricula import named_curricula
from metta_jax.worlds.original_names import why_no_world
from metta_jax.worlds.registry import get_world, is_world, list_worlds, short_name
from metta_jax.worlds.source import is_file, read_config, read_file, refuse_options

CURRICULUM_PREFIX = "curriculum/"
_OPTIONS = ("num_agents", "width", "height", "items", "num_rooms")


def list_curricula() -> tuple[str, ...]:
    """The names of all curricula, sorted, as `curriculum/arena/random`."""
    return tuple(sorted(CURRICULUM_PREFIX + name for name in named_curricula()))


def make_curriculum(
    curriculum: str | os.PathLike[str] | Mapping[str, Any] | Kind | EnvConfig | Curriculum,
    *,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: ItemSet | None = None,
    seed: int = 0,
    known: Mapping[str, EnvConfig | Kind] | None = None,
) -> Curriculum:
    """A curriculum: pure functions that choose the next task and learn from scores, and the tasks.

    Args:
      curriculum: a name such as `/env/mettagrid/curriculum/arena/random` (the first two parts may be left out, and the
        third where no world has that name); the name of a world, always played; a kind of `metta_jax.curriculum`, or a
        mapping of its fields with `kind`; an EnvConfig, or a mapping of its fields; a YAML or JSON file of either; or a
        curriculum, which is returned.
      num_agents, width, height, items: changes to every world, as for `worlds.get`.
      seed: of the sampled numbers of the rules.
      known: worlds and curricula that the names of tasks may mean in addition to the named ones.

    Raises:
      ValueError: no such name, a negative seed, a field that is not allowed, or a change that a world does not take.
    """
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    options = {"num_agents": num_agents, "width": width, "height": height, "items": items}
    changes = {name: value for name, value in options.items() if value is not None}
    library = WorldLibrary(known or {})
    name = "curriculum"
    if isinstance(curriculum, Curriculum):
        if changes:
            raise ValueError(f"{next(iter(changes))}: cannot be changed in a curriculum that is made already")
        return curriculum
    if isinstance(curriculum, str | os.PathLike) and is_file(curriculum) and curriculum not in library.known:
        curriculum = read_file(curriculum)
    elif isinstance(curriculum, Mapping):
        curriculum = read_config(curriculum) if "game" in curriculum else read_kind(curriculum)
    if isinstance(curriculum, str):
        name = short_name(curriculum)
        found = library.find_kind(curriculum)
        curriculum = (
            SingleTask(task=name if curriculum not in library.known else curriculum) if found is None else found
        )
    elif isinstance(curriculum, EnvConfig):
        refuse_options(changes, "a configuration; change the configuration instead")
        curriculum = SingleTask(task=read_config(curriculum))
    elif not isinstance(curriculum, Kind):
        shown = repr(curriculum) if isinstance(curriculum, int | float) else kind_of(curriculum)
        raise ValueError(f"curriculum: {shown} is neither a name nor a curriculum")
    return build_curriculum(cast(AnyKind, curriculum), library, name=name, changes=changes, seed=seed)


class WorldLibrary:
    """The named worlds and curricula, those that are given, and those in files."""

    def __init__(self, known: Mapping[str, EnvConfig | Kind]):
        self.known = dict(known)
        self._files: dict[str, EnvConfig | Kind] = {}  # each is read once

    def find_kind(self, name: str) -> AnyKind | None:
        """The curriculum of this name, None if it is a world's. A ValueError with near names if it is neither's."""
        found = self._given(name)
        if found is not None:
            return cast(AnyKind, found) if isinstance(found, Kind) else None
        short = short_name(name)
        # No world may be registered under a curriculum's name, so entry points need not be loaded to find one.
        inner = short.removeprefix(CURRICULUM_PREFIX)
        is_curriculum = inner in named_curricula()
        if not short.startswith(CURRICULUM_PREFIX) and (short in family_worlds() if is_curriculum else is_world(short)):
            return None
        if is_curriculum:
            return named_curricula()[inner]
        reason = why_no_world(short)
        if reason is not None:
            raise ValueError(f"worlds: no world {name!r}: {reason}")
        kind = "curriculum" if short.startswith(CURRICULUM_PREFIX) else "world"
        hint = _hint(short, (*self.known, *list_worlds(), *list_curricula()))
        raise ValueError(f"worlds: no {kind} {name!r} ({hint})")

    def make_world(self, name: str, changes: Mapping[str, Any], seed: int, sampling: float | None) -> EnvConfig:
        """A world with changes: `num_agents`, `width`, `height`, `items`, `num_rooms` and `objects.<name>` are those of
        `worlds.get`, other paths lead into its configuration."""
        world = self._given(name)
        if world is not None:
            assert isinstance(world, EnvConfig)
            return changed(world, changes, sampling)
        options: dict[str, Any] = {}
        objects, others = {}, {}
        for path, value in changes.items():
            path = "num_agents" if path == "game.num_agents" else path
            if path in _OPTIONS:
                options[path] = value
            elif path.startswith("objects."):
                objects[path.removeprefix("objects.")] = value
            else:
                others[path] = value
        num_agents = options.pop("num_agents", None)
        try:
            world = get_world(name, **options, objects=objects or None, sampling=sampling, seed=seed)
            if num_agents not in (None, world.game.num_agents):  # not all worlds can have another number
                options["num_agents"] = num_agents
                world = get_world(name, **options, objects=objects or None, sampling=sampling, seed=seed)
            return override(world, others)
        except ValueError as error:
            raise ValueError(f"{short_name(name)}: {error}") from None

    def _given(self, name: str) -> EnvConfig | Kind | None:
        """What does not come by its name; None of what does."""
        if name in self.known or not is_file(name):
            return self.known.get(name)
        if name not in self._files:
            self._files[name] = read_file(name)
        return self._files[name]


def _hint(name: str, candidates: tuple[str, ...]) -> str:
    return near_misses(name, candidates) or "see worlds.list() and worlds.list_curricula()"
