"""navigation_sequence/experiments and extended_sequence: four agents on land, with the way from ore to hearts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metta_jax.config import EnvConfig
from metta_jax.mapgen import CylinderWorld, Grid, MultiRoom, Room, TerrainFromNumpy, VariedTerrain
from metta_jax.mapgen.sampled import SampledInt
from metta_jax.worlds.base_rules import ALL_SETS, base_game
from metta_jax.worlds.navigation_training import TERRAIN_STYLES
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_TAKES = ("num_agents", "items", "num_rooms", "objects")
_EXPERIMENTS = "navigation_sequence/experiments"

Range = tuple[float, float, float]
"""(centre, low, high)."""


class _Experiment(NamedTuple):
    """Ranges of what is sampled; `counts` of mines and of generators."""

    counts: Range
    mine_cooldown: Range
    generator_cooldown: Range
    altar_cooldown: Range
    ore_reward: Range
    battery_reward: Range
    steps: int = 2000
    border_width: int = 6
    battery_max: int | None = None
    limit: Range = (15, 5, 20)
    limited: tuple[str, ...] = ("ore_red", "battery_red")
    has_stocks: bool = True
    object_sets: tuple[str, ...] = ("basic", "mines", "generators")
    land_border: Range = (3, 3, 3)
    labels: tuple[str, ...] = ()


class _Stage(NamedTuple):
    """One more thing of the chain in each, from its end; `changes` has what stands there."""

    description: str
    object_sets: tuple[str, ...]
    changes: Mapping[str, Mapping[str, Any]]


_ONE_BATTERY = {"input_resources": {"battery_red": 1}}
_MEMORY = _Experiment(
    counts=(5, 2, 10),
    mine_cooldown=(10, 15, 50),
    generator_cooldown=(10, 5, 20),
    altar_cooldown=(10, 1, 20),
    ore_reward=(0.01, 0.005, 0.05),
    battery_reward=(0.1, 0.01, 0.1),
    labels=("memory",),
)
_KINDS = {
    "mem": _MEMORY,
    "hard_mem": _MEMORY._replace(counts=(2, 1, 3), generator_cooldown=(40, 30, 70), border_width=3, limit=(5, 1, 10)),
    "sequence": _Experiment(
        counts=(15, 5, 20),
        mine_cooldown=(100, 100, 500),
        generator_cooldown=(100, 100, 500),
        altar_cooldown=(1, 1, 1),
        ore_reward=(0.01, 0.005, 0.1),
        battery_reward=(0.1, 0.01, 0.3),
        has_stocks=False,
        labels=("sequence",),
    ),
    "cylinder_world": _Experiment(
        counts=(6, 1, 12),
        mine_cooldown=(10, 15, 50),
        generator_cooldown=(10, 5, 20),
        altar_cooldown=(10, 5, 20),
        ore_reward=(0.01, 0.005, 0.1),
        battery_reward=(0.1, 0.01, 0.5),
        steps=1000,
        battery_max=5,
        limit=(3, 1, 2),
        limited=tuple(f"{kind}_{color}" for kind in ("ore", "battery") for color in ("red", "blue", "green")),
        land_border=(3, 1, 6),
    ),
    "terrain_from_numpy": _Experiment(
        counts=(2, 3, 15),
        mine_cooldown=(10, 15, 50),
        generator_cooldown=(10, 5, 20),
        altar_cooldown=(10, 5, 20),
        ore_reward=(0.01, 0.005, 0.1),
        battery_reward=(0.1, 0.01, 0.3),
        object_sets=ALL_SETS,
        land_border=(3, 1, 6),
    ),
}
_STAGES = {
    "backchain1": _Stage(
        "Altars with a heart each, in small rooms: take it.",
        ("basic",),
        {"altar": {"initial_resource_count": 1, "max_output": 1}},
    ),
    "backchain2": _Stage(
        "Generators with a battery each: bring it to an altar.",
        ("basic", "generators"),
        {
            "altar": {**_ONE_BATTERY, "max_output": 1},
            "generator_red": {"initial_resource_count": 1, "max_output": 1, "cooldown": 3},
        },
    ),
    "backchain3": _Stage(
        "Mines that make an ore each: make a battery and a heart of it.",
        ("basic", "generators", "mines"),
        {
            "altar": {**_ONE_BATTERY, "max_output": 1},
            "generator_red": {"max_output": 1, "cooldown": 10},
            "mine_red": {"max_output": 1, "cooldown": 10},
        },
    ),
}


@dataclass(frozen=True)
class Square(Room):
    """Varied terrain with equal sides: `land` with `side` for its width and height."""

    side: SampledInt
    land: VariedTerrain

    def kind_labels(self) -> tuple[str, ...]:
        return self.land.kind_labels()

    def draw(self, rng: np.random.Generator) -> Grid:
        land = self.land
        sized = VariedTerrain(
            self.side, self.side, land.objects, land.agents, land.style, border_width=land.border_width
        )
        return sized.build(rng).grid


def sequence_training_worlds() -> dict[str, World]:
    """16 worlds of navigation_sequence/experiments, 3 of extended_sequence."""
    worlds = {}
    for kind, description in (
        ("mem", "Small pieces of land, {}: remember where mines, generators and altars are."),
        ("hard_mem", "Small pieces of land, {}, with one to three mines and generators: remember where."),
        ("sequence", "Land of any size, {}: slow mines and generators, quick altars."),
    ):
        styles = [*TERRAIN_STYLES] if kind == "sequence" else [*TERRAIN_STYLES, "defaults"]
        for style in styles:
            text = description.format("of any style" if style == "defaults" else style)
            worlds[f"{_EXPERIMENTS}/{kind}_{style}"] = World(partial(_experiment, kind, style), text, _TAKES, 1.0)
    for kind, land in (("cylinder_world", "parallel walls"), ("terrain_from_numpy", "land of any style and size")):
        text = f"From ore to hearts among {land}." if kind == "cylinder_world" else f"From ore to hearts on {land}."
        worlds[f"{_EXPERIMENTS}/{kind}"] = World(partial(_experiment, kind, ""), text, _TAKES, 1.0)
    for name, stage in _STAGES.items():
        worlds[f"extended_sequence/{name}"] = World(partial(_backchain, stage), stage.description, _TAKES, 1.0)
    return worlds


def _experiment(kind: str, style: str, options: WorldOptions) -> EnvConfig:
    item = _KINDS[kind]
    rooms = options.rooms(4)
    agents = options.agents_per_room(1, rooms)
    stocks = {name: int(item.has_stocks and options.chance(0.25)) for name in ("generator_red", "altar")}
    rewards: dict[str, float] = {
        "heart": 1,
        "ore_red": options.drawn(*item.ore_reward),
        "battery_red": options.drawn(*item.battery_reward),
    }
    if item.battery_max is not None:
        rewards["battery_red_max"] = item.battery_max
    limits = {name: options.drawn(*item.limit) for name in item.limited}
    game = base_game(
        num_agents=rooms * agents,
        object_sets=item.object_sets,
        items=options.items or "classic",
        max_steps=item.steps,
        easy=("altar",),
        rewards=rewards,
        limits=limits,
        changes={
            "mine_red": {"cooldown": options.drawn(*item.mine_cooldown)},
            "generator_red": {
                "cooldown": options.drawn(*item.generator_cooldown),
                "initial_resource_count": stocks["generator_red"],
            },
            "altar": {
                "cooldown": options.drawn(*item.altar_cooldown),
                "initial_resource_count": stocks["altar"],
            },
        },
    )
    counts = options.around(*item.counts)
    content: dict[str, Any] = {
        "objects": options.counts({"mine_red": counts, "generator_red": counts, "altar": 5}),
        "agents": agents,
        "border_width": options.around(*item.land_border),
    }
    if kind == "cylinder_world":
        room: Room = CylinderWorld(**content)
    else:
        room = TerrainFromNumpy(dir=_terrain(kind, style), **content)
    maps = MultiRoom(room, rooms, border_width=item.border_width)
    return EnvConfig(game=game, map_builder=maps, labels=item.labels)


def _terrain(kind: str, style: str) -> str:
    """What `TerrainFromNumpy` is given; it draws the rest."""
    style = "" if style == "defaults" else style
    return f"{style}_small" if kind in ("mem", "hard_mem") else style


def _backchain(stage: _Stage, options: WorldOptions) -> EnvConfig:
    rooms = options.rooms(4)
    agents = options.agents_per_room(1, rooms)
    colors = ("red", "blue", "green")
    ore, battery = options.drawn(0.01, 0.005, 0.1), options.drawn(0.1, 0.01, 0.3)
    rewards = {f"ore_{color}": ore for color in colors} | {f"battery_{color}": battery for color in colors}
    game = base_game(
        num_agents=rooms * agents,
        object_sets=stage.object_sets,
        items=options.items or "classic",
        max_steps=200,
        rewards={"heart": 1, **rewards},
        limits={f"{kind}_{color}": 1 for kind in ("ore", "battery") for color in colors},
        changes=stage.changes,
    )
    land = VariedTerrain(
        15,
        15,
        objects=options.counts(dict.fromkeys(stage.changes, options.around(3, 1, 2))),
        agents=agents,
        style="all-sparse",
        border_width=options.around(3, 1, 6),
    )
    room = Square(options.around(15, 12, 20), land)
    return EnvConfig(game=game, map_builder=MultiRoom(room, rooms, border_width=6))
