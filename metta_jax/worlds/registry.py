"""Worlds by name."""

from __future__ import annotations

import difflib
import functools

from metta_jax.config import EnvConfig
from metta_jax.worlds.arena import arena_worlds
from metta_jax.worlds.base_rules import ItemSet
from metta_jax.worlds.default import default_world, forage
from metta_jax.worlds.forage4 import forage4
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.simple import medium, simple
from metta_jax.worlds.world import World

_PREFIX = "env/mettagrid/"

# Sampling curricula draw the sampled numbers of one world anew for each episode. These worlds have none: what changes
# from episode to episode is the map, and that does so anyway.
_SAMPLING_CURRICULA = {"curriculum/simple": "simple"}


def list_worlds() -> tuple[str, ...]:
    """The names of all worlds, sorted."""
    return tuple(sorted(_worlds()))


def canonical_name(name: str) -> str:
    """The name as `list_worlds` gives it; takes it also behind `env/mettagrid/` or `/env/mettagrid/`.

    Raises:
      ValueError: there is no such world; lists close matches.
    """
    short = name.removeprefix("/").removeprefix(_PREFIX)
    short = _SAMPLING_CURRICULA.get(short, short)
    if short in _worlds():
        return short
    # Near misses (a typo) are listed; without any, the one name that looks most like it.
    matches = difflib.get_close_matches(short, _worlds(), cutoff=0.8)
    matches = matches or difflib.get_close_matches(short, _worlds(), n=1, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(match) for match in matches)}?" if matches else "see worlds.list()"
    raise ValueError(f"worlds: no world {name!r} ({hint})")


def get_world(
    name: str,
    *,
    num_agents: int | None = None,
    width: int | None = None,
    height: int | None = None,
    items: ItemSet | None = None,
) -> EnvConfig:
    """The rules and the map builder of a named world.

    Args:
      name: `arena/basic`, `env/mettagrid/arena/basic` or `/env/mettagrid/arena/basic`.
      num_agents: agents on the whole map; None keeps what the world has, as do the following.
      width, height: of one room, without borders.
      items: `"classic"`, the original's eight, or `"full"`, also laser and blueprint.

    Raises:
      ValueError: no such world, or an option that it cannot take.
    """
    world = _worlds()[canonical_name(name)]
    return world(WorldOptions(num_agents=num_agents, width=width, height=height, items=items))


@functools.cache
def _worlds() -> dict[str, World]:
    return {
        "default": default_world,
        "forage": forage,
        "forage4": forage4,
        "simple": simple,
        "medium": medium,
        **arena_worlds(),
    }
