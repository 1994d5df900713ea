"""Worlds by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metta_jax.config import EnvConfig
from metta_jax.core.hints import near_misses
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.original_names import original_name, why_no_world
from metta_jax.worlds.registered import all_names, find_world
from metta_jax.worlds.world import World

_PREFIX = "env/mettagrid/"


def list_worlds() -> tuple[str, ...]:
    """The names of all worlds, sorted: the package's, and those that were registered."""
    return all_names()


def short_name(path: str) -> str:
    """The path of a world or a curriculum without `env/mettagrid/` or `/env/mettagrid/` before it."""
    return path.removeprefix("/").removeprefix(_PREFIX)


def is_world(name: str) -> bool:
    """Whether a world has this name, in any of its spellings."""
    return find_world(_short_world_name(name)) is not None


def canonical_name(name: str) -> str:
    """The name as `list_worlds` gives it; takes it also behind `env/mettagrid/` or `/env/mettagrid/`.

    Raises:
      ValueError: there is no such world; lists close matches.
    """
    return _find(name)[0]


def describe(name: str) -> str:
    """What is to be done in a named world, in one line. Raises a ValueError if there is no such world."""
    return _find(name)[1].description


def get_world(
    name: str,
    *,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: ItemSet | None = None,
    num_rooms: int | None = None,
    objects: Mapping[str, int] | None = None,
    sampling: float | None = None,
    seed: int | None = None,
) -> EnvConfig:
    """The rules and the map builder of a named world.

    Some worlds have sampled numbers; then `sampling` of the result is above 0. Those of the map (counts, sizes) are
    redrawn for every map that is built. Those of the rules (recipes, rewards, limits) are at their centers, or, with
    a `seed`, drawn from it.

    Args:
      name: `arena/basic`, `env/mettagrid/arena/basic` or `/env/mettagrid/arena/basic`; also a path of the original's
        that has moved, such as `multiagent/experiments/boxy`, unless a world is registered under it.
      num_agents: agents on the whole map; None keeps what the world has, as do the following.
      width, height: of one room, without borders.
      items: `"classic"`, the original's eight, or `"full"`, with laser and blueprint too.
      num_rooms: how many equal rooms there are; `num_agents` are shared out among them.
      objects: object name -> how many are scattered over one room.
      sampling: in 0..1: how far sampled numbers may move from their centers.
      seed: of the sampled numbers of the rules.

    Raises:
      ValueError: no such world, or an option that it cannot take.
    """
    if seed is not None and seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    rng = None if seed is None else np.random.default_rng(seed)
    options = WorldOptions(num_agents, width, height, items, num_rooms, objects or {}, sampling, rng)
    return _find(name)[1].make(options)


def sample_world(name: str, seed: int, **options: Any) -> EnvConfig:
    """`get_world(name, seed=seed, **options)`: one task of a world with sampled numbers. Same seed, same numbers.

    Number of agents, items, object types and enabled actions do not depend on the seed, so that tasks can be stacked.
    """
    return get_world(name, seed=seed, **options)


def _find(name: str) -> tuple[str, World]:
    """Canonical name and world."""
    short = _short_world_name(name)
    world = find_world(short)
    if world is not None:
        return short, world
    reason = why_no_world(short)
    if reason is not None:
        raise ValueError(f"worlds: no world {name!r}: {reason}")
    raise ValueError(f"worlds: no world {name!r} ({near_misses(short, all_names()) or 'see worlds.list()'})")


def _short_world_name(name: str) -> str:
    """The name of a world without prefixes; a path of the original's that moved is followed unless a world has it."""
    short = short_name(name)
    return short if find_world(short) is not None else original_name(short)
