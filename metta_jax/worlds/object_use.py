"""object_use: one agent and one thing to use, or everything there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from metta_jax.config import EnvConfig
from metta_jax.mapgen import MapGen, MeanDistance, Random
from metta_jax.worlds.base_rules import ALL_SETS, base_game
from metta_jax.worlds.drawn import drawn_map
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World


@dataclass(frozen=True)
class _Use:
    """What stands in the room, what is rewarded in addition to hearts, changed recipes, and what there is besides."""

    steps: int
    description: str
    objects: tuple[str, ...]
    product: str | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    more_sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Drawn:
    """Drawn maps; recipes change only as given here."""

    steps: int
    description: str
    changes: Mapping[str, Mapping[str, Any]]
    more_sets: tuple[str, ...] = ()


_FULL = {"initial_resource_count": 1}
_SLOW = {"cooldown": 255}
_EMPTY_SLOW = {"initial_resource_count": 0, **_SLOW}

_USES = {
    "altar_use_free": _Use(80, "Take the heart of an altar.", ("altar",), changes={"altar": _SLOW}),
    "armory_use": _Use(
        100,
        "Bring ore from a mine to an armory and take the armor.",
        ("armory", "mine_red"),
        "armor",
        {
            "mine_red": {"output_resources": {"ore_red": 3}, "initial_resource_count": 3, "cooldown": 255},
            "armory": _SLOW,
        },
        ("combat",),
    ),
    # In the original the armory and the temple are empty, and so are the altars of the drawn maps.
    "armory_use_free": _Use(
        80, "Take the armor of an armory.", ("armory",), "armor", {"armory": {**_FULL, **_SLOW}}, ("combat",)
    ),
    "generator_use": _Use(
        100,
        "Bring ore from a mine to a generator and take the battery.",
        ("generator_red", "mine_red"),
        "battery_red",
        {"generator_red": _EMPTY_SLOW, "mine_red": _SLOW},
    ),
    "generator_use_free": _Use(
        80, "Take the battery of a generator.", ("generator_red",), "battery_red", {"generator_red": _SLOW}
    ),
    "lasery_use": _Use(
        200,
        "Bring ore and two batteries to a lasery and take the laser.",
        ("lasery", "generator_red", "mine_red"),
        "laser",
        {
            "generator_red": {"output_resources": {"battery_red": 2}, "initial_resource_count": 2, **_SLOW},
            "mine_red": _SLOW,
        },
        ("combat",),
    ),
    "lasery_use_free": _Use(
        80, "Take the laser of a lasery.", ("lasery",), "laser", {"lasery": {**_FULL, **_SLOW}}, ("combat",)
    ),
    "mine_use": _Use(80, "Take the ore that a mine makes.", ("mine_red",), "ore_red", {"mine_red": _EMPTY_SLOW}),
    "temple_use_free": _Use(
        80, "Take the hearts of a temple.", ("temple",), changes={"temple": _FULL}, more_sets=("advanced",)
    ),
    "full_sequence": _Use(
        200,
        "From mine to generator to altar to heart.",
        ("altar", "generator_red", "mine_red"),
        changes={
            "altar": _EMPTY_SLOW,
            "generator_red": {"initial_resource_count": 0, "cooldown": 1},
            "mine_red": {"cooldown": 1},
        },
    ),
}
_DRAWN = {
    "shoot_out": _Drawn(
        400,
        "A street of doorways with a lasery full of lasers at one end and an altar at the other.",
        {"altar": {**_FULL, **_SLOW}, "lasery": {"initial_resource_count": 20}},
        ("combat",),
    ),
    "swap_in": _Drawn(150, "Swap a way through a ring of blocks to the altar inside it.", {"altar": _FULL}),
    "swap_out": _Drawn(150, "Swap a way out of two rings of blocks, then find the altar.", {"altar": _FULL}),
}


def object_use_worlds() -> dict[str, World]:
    """The 13 worlds of object_use/evals, and object_use/training/easy_all_objects."""
    evals = {
        f"object_use/evals/{name}": World(partial(_use, item), item.description, ("items",))
        for name, item in _USES.items()
    }
    evals |= {
        f"object_use/evals/{name}": World(partial(_drawn, name, item), item.description, ("items",))
        for name, item in _DRAWN.items()
    }
    takes = ("num_agents", "width", "height", "items", "num_rooms", "objects")
    description = "Four rooms, in each one agent and everything that can be used."
    return evals | {"object_use/training/easy_all_objects": World(_all_objects, description, takes, 1.0)}


def _use(item: _Use, options: WorldOptions) -> EnvConfig:
    common = {"altar": _FULL, "mine_red": _FULL, "generator_red": _FULL}
    changes = {key: {**common.get(key, {}), **item.changes.get(key, {})} for key in {**common, **item.changes}}
    product = {} if item.product is None else {item.product: 1}
    game = base_game(
        num_agents=1,
        object_sets=("basic", "mines", "generators", *item.more_sets),
        items=options.items or "full",
        max_steps=item.steps,
        easy=("altar",),
        rewards={"heart": 1, **product},
        changes=changes,
    )
    scene = MeanDistance(6, dict.fromkeys(item.objects, 1))
    return EnvConfig(game=game, map_builder=MapGen(scene, width=11, height=11, border_width=3))


def _drawn(name: str, item: _Drawn, options: WorldOptions) -> EnvConfig:
    game = base_game(
        num_agents=1,
        object_sets=("basic", *item.more_sets),
        items=options.items or "full",
        max_steps=item.steps,
        changes=item.changes,
    )
    return EnvConfig(game=game, map_builder=drawn_map(f"object_use/{name}", border_width=1))


def _all_objects(options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(1, rooms)
    width, height = options.size(30, 30)
    plant = ("altar", "armory", "lasery", "lab", "factory", "temple")
    objects = {"mine_red": 2, "generator_red": 3, **dict.fromkeys(plant, 1), "block": 3, "wall": 3}
    game = base_game(
        num_agents=rooms * agents,
        object_sets=ALL_SETS,
        items=options.items or "full",
        limit=5,
        rewards={
            "heart": 1,
            "ore_red": 0.01,
            "battery_red": 0.1,
            "battery_red_max": 5,
            "laser": 0.1,
            "armor": 0.1,
            "blueprint": 0.1,
        },
        changes={"mine_red": {"cooldown": 30}, "generator_red": {"cooldown": 30}, "altar": {"cooldown": 25}},
    )
    content = Random(objects=options.counts(objects), agents=agents, too_many_is_ok=False)
    maps = MapGen(content, width=width, height=height, border_width=5, instances=rooms)
    return EnvConfig(game=game, map_builder=maps)
