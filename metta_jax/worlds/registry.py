"""Worlds by name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from metta_jax.config import EnvConfig
from metta_jax.worlds.arena import arena_worlds
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.crowds import crowd_worlds
from metta_jax.worlds.default import default_worlds
from metta_jax.worlds.diversity import diversity_worlds
from metta_jax.worlds.forage4 import forage4_worlds
from metta_jax.worlds.memory import memory_worlds
from metta_jax.worlds.multiagent import multiagent_worlds
from metta_jax.worlds.navigation import navigation_worlds
from metta_jax.worlds.navigation_sequence import navigation_sequence_worlds
from metta_jax.worlds.navigation_training import navigation_training_worlds
from metta_jax.worlds.object_use import object_use_worlds
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.sequence_training import sequence_training_worlds
from metta_jax.worlds.simple import simple_worlds
from metta_jax.worlds.teams import team_worlds
from metta_jax.worlds.world import World

_PREFIX = "env/mettagrid/"

# Sampling curricula draw the sampled numbers of one world anew for each episode. These worlds have none: what changes
# from episode to episode is the map, and that does so anyway.
_SAMPLING_CURRICULA = {"curriculum/simple": "simple"}


def list_worlds() -> tuple[str, ...]:
    """The names of all worlds, sorted."""
    return tuple(sorted(_worlds()))


def short_name(path: str) -> str:
    """The path of a world or a curriculum without `env/mettagrid/` or `/env/mettagrid/` before it."""
    return path.removeprefix("/").removeprefix(_PREFIX)


def canonical_name(name: str) -> str:
    """The name as `list_worlds` gives it; takes it also behind `env/mettagrid/` or `/env/mettagrid/`.

    Raises:
      ValueError: there is no such world; lists close matches.
    """
    short = short_name(name)
    short = _SAMPLING_CURRICULA.get(short, short)
    if short in _worlds():
        return short
    # Near misses (a typo) are listed; without any, the one name that looks most like it.
    matches = difflib.get_close_matches(short, _worlds(), cutoff=0.8)
    matches = matches or difflib.get_close_matches(short, _worlds(), n=1, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(match) for match in matches)}?" if matches else "see worlds.list()"
    raise ValueError(f"worlds: no world {name!r} ({hint})")


def describe(name: str) -> str:
    """What is to be done in a named world, in one line. Raises a ValueError if there is no such world."""
    return _worlds()[canonical_name(name)].description


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
    drawn anew for every map that is built. Those of the rules (recipes, rewards, limits) are at their centres, or, with
    a `seed`, drawn from it.

    Args:
      name: `arena/basic`, `env/mettagrid/arena/basic` or `/env/mettagrid/arena/basic`.
      num_agents: agents on the whole map; None keeps what the world has, as do the following.
      width, height: of one room, without borders.
      items: `"classic"`, the original's eight, or `"full"`, also laser and blueprint.
      num_rooms: how many equal rooms there are; `num_agents` are shared out among them.
      objects: object name -> how many are scattered over one room.
      sampling: in 0..1: how far sampled numbers may move from their centres.
      seed: of the sampled numbers of the rules.

    Raises:
      ValueError: no such world, or an option that it cannot take.
    """
    if seed is not None and seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    rng = None if seed is None else np.random.default_rng(seed)
    options = WorldOptions(num_agents, width, height, items, num_rooms, objects or {}, sampling, rng)
    return _worlds()[canonical_name(name)].make(options)


def sample_world(name: str, seed: int, **options: Any) -> EnvConfig:
    """`get_world(name, seed=seed, **options)`: one task of a world with sampled numbers. Same seed, same numbers.

    Number of agents, items, object types and enabled actions do not depend on the seed, so that tasks can be stacked.
    """
    return get_world(name, seed=seed, **options)


@functools.cache
def _worlds() -> dict[str, World]:
    return {
        **default_worlds(),
        **forage4_worlds(),
        **simple_worlds(),
        **arena_worlds(),
        **team_worlds(),
        **crowd_worlds(),
        **navigation_worlds(),
        **navigation_training_worlds(),
        **navigation_sequence_worlds(),
        **memory_worlds(),
        **sequence_training_worlds(),
        **object_use_worlds(),
        **multiagent_worlds(),
        **diversity_worlds(),
    }
