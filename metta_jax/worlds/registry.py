"""Worlds by name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping

import numpy as np

from metta_jax.config import EnvConfig
from metta_jax.worlds.arena import arena_worlds
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.crowds import crowd_worlds
from metta_jax.worlds.default import default_worlds
from metta_jax.worlds.forage4 import forage4_worlds
from metta_jax.worlds.options import WorldOptions
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
) -> EnvConfig:
    """The rules and the map builder of a named world, its sampled numbers at their centres.

    Where the world's numbers are meant to be drawn anew for every task, `sampling` of the result is above 0:
    `sample_world` draws them.

    Args:
      name: `arena/basic`, `env/mettagrid/arena/basic` or `/env/mettagrid/arena/basic`.
      num_agents: agents on the whole map; None keeps what the world has, as do the following.
      width, height: of one room, without borders.
      items: `"classic"`, the original's eight, or `"full"`, also laser and blueprint.
      num_rooms: how many equal rooms there are; `num_agents` are shared out among them.
      objects: object name -> how many are scattered over one room.

    Raises:
      ValueError: no such world, or an option that it cannot take.
    """
    options = WorldOptions(num_agents, width, height, items, num_rooms, objects or {})
    return _worlds()[canonical_name(name)].make(options)


def sample_world(
    name: str,
    seed: int,
    *,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: ItemSet | None = None,
    num_rooms: int | None = None,
    objects: Mapping[str, int] | None = None,
) -> EnvConfig:
    """A named world with its sampled numbers drawn: the same seed, the same numbers.

    Number of agents, items, object types and actions do not depend on the seed, so that variants can be stacked.
    Worlds without sampled numbers are as `get_world` gives them; so are the options and errors.
    """
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    rng = np.random.default_rng(seed)
    options = WorldOptions(num_agents, width, height, items, num_rooms, objects or {}, rng=rng)
    return _worlds()[canonical_name(name)].make(options)


@functools.cache
def _worlds() -> dict[str, World]:
    return {
        **default_worlds(),
        **forage4_worlds(),
        **simple_worlds(),
        **arena_worlds(),
        **team_worlds(),
        **crowd_worlds(),
    }
