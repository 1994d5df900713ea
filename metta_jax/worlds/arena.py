"""The arena: 24 agents in four open rooms; what can be built there, and how easily, depends on the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from metta_jax.config import EnvConfig
from metta_jax.mapgen import MapGen, Random
from metta_jax.worlds.base_rules import SHAPED_REWARDS, base_game
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World


@dataclass(frozen=True)
class _Arena:
    """One arena and what its easy variant makes easier."""

    objects: Mapping[str, int]
    object_sets: tuple[str, ...]
    easy: tuple[str, ...]
    changes: Mapping[str, Mapping[str, Any]]
    easy_changes: Mapping[str, Mapping[str, Any]]
    border_width: int = 6


_SETS = ("basic", "mines", "generators")
_SUPPLY = {"mine_red": 10, "generator_red": 5, "altar": 5}
_COMBAT = {**_SUPPLY, "lasery": 1, "armory": 1}

_ARENAS = {
    "basic": _Arena(_SUPPLY, _SETS, ("altar",), {}, {}),
    "combat": _Arena(_COMBAT, (*_SETS, "combat"), ("armory", "lasery"), {}, {}),
    "advanced": _Arena(
        {**_COMBAT, "lab": 1, "factory": 1, "temple": 1},
        (*_SETS, "combat", "advanced"),
        ("lab", "factory"),
        {},
        {},
    ),
    "tag": _Arena(
        {**_SUPPLY, "altar": 2, "lasery": 2, "armory": 2},
        (*_SETS, "combat"),
        (),
        {
            "altar": {
                "input_resources": {"battery_red": 3, "blueprint": 1},
                "cooldown": 1,
                "initial_resource_count": 1,
            }
        },
        {"lasery": {"initial_resource_count": 1}},
        border_width=5,
    ),
}

_VARIANTS = {
    "basic": ("", "_easy", "_easy_shaped", "_poor"),
    "combat": ("", "_easy", "_easy_shaped", "_poor"),
    "advanced": ("", "_easy", "_easy_shaped", "_poor"),
    "tag": ("", "_easy", "_easy_shaped"),
}

_TASKS = {
    "basic": "Four open rooms with mines, generators and altars",
    "combat": "The basic arena with lasers and armor",
    "advanced": "The combat arena with lab, factory and temple",
    "tag": "Hearts need a blueprint too, and few altars make them",
}
_DIFFERENCES = {
    "": "",
    "_easy": ", cheaper recipes",
    "_easy_shaped": ", cheaper recipes, rewards for every step on the way",
    "_poor": ", few mines and generators",
}
_TAKES = ("num_agents", "width", "height", "items", "num_rooms", "objects")


def arena_worlds() -> dict[str, World]:
    """All arena worlds by name."""
    return {
        f"arena/{kind}{variant}": World(
            partial(_arena, kind, variant), f"{_TASKS[kind]}{_DIFFERENCES[variant]}.", _TAKES
        )
        for kind, variants in _VARIANTS.items()
        for variant in variants
    }


def _arena(kind: str, variant: str, options: WorldOptions) -> EnvConfig:
    arena = _ARENAS[kind]
    is_easy = "easy" in variant
    rooms = options.rooms(4)
    agents = options.agents_per_room(6, rooms)
    width, height = options.size(25, 25)
    objects = {**arena.objects, "block": 20, "wall": 20}
    if variant == "_poor":
        objects |= {"mine_red": 3, "generator_red": 2}
    changes = {**arena.changes, **arena.easy_changes} if is_easy else arena.changes
    game = base_game(
        num_agents=rooms * agents,
        object_sets=arena.object_sets,
        items=options.items or "classic",
        easy=arena.easy if is_easy else (),
        rewards=SHAPED_REWARDS if variant.endswith("shaped") else None,
        changes=changes,
    )
    maps = MapGen(
        Random(objects=options.counts(objects), agents=agents, too_many_is_ok=False),
        width=width,
        height=height,
        border_width=arena.border_width,
        instances=rooms,
        instance_border_width=0,
    )
    return EnvConfig(game=game, map_builder=maps)
