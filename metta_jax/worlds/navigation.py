"""navigation/evals: one agent, three altars with a heart each. Find them all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from metta_jax.config import EnvConfig
from metta_jax.mapgen import (
    Child,
    InlineAscii,
    Layout,
    LayoutArea,
    MapGen,
    Maze,
    MeanDistance,
    RadialMaze,
    Random,
    RoomGrid,
    Scene,
    around,
)
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.drawn import drawn_map
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_FAMILY = "navigation/evals"


class _Drawn(NamedTuple):
    steps: int
    place: str
    border_width: int = 1
    altar_cooldown: int = 10


class _Made(NamedTuple):
    steps: int
    width: int
    height: int
    border_width: int
    root: Scene
    place: str


DRAWN = {
    "corridors": _Drawn(450, "at the ends of some of ten dead-end corridors"),
    "cylinder": _Drawn(250, "between two long walls", border_width=10),
    "cylinder_easy": _Drawn(250, "between two walls close by"),
    "honeypot": _Drawn(300, "at the bottom of a pot with a narrow neck"),
    "knotty": _Drawn(500, "in the corners of a knot of corridors"),
    "memory_palace": _Drawn(200, "in three of eight rooms along a hall, each furnished in its own way"),
    "obstacles0": _Drawn(100, "behind low walls"),
    "obstacles1": _Drawn(300, "between barriers with gaps at alternating ends", altar_cooldown=255),
    "obstacles2": _Drawn(350, "in cups that open away from the start"),
    "obstacles3": _Drawn(300, "in a field of small obstacles"),
    "radial_large": _Drawn(1000, "at the ends of three of ten wide arms"),
    "radial_mini": _Drawn(150, "at the ends of three of six short arms"),
    "radial_small": _Drawn(120, "at the ends of three of eight arms"),
    "swirls": _Drawn(350, "in the middle of three swirls"),
    "thecube": _Drawn(350, "in the middle of three cubes, each a cube inside a cube"),
    "walkaround": _Drawn(250, "behind a thick wall"),
    "wanderout": _Drawn(500, "outside of a house that has to be left through three doors"),
}
"""The maps that we drew: steps, where the altars are, border, cooldown of the altars."""


def navigation_worlds() -> dict[str, World]:
    """The 26 worlds of navigation/evals."""
    made = {
        f"{_FAMILY}/{name}": World(partial(_made, item), f"Three altars {item.place}.", ("items",))
        for name, item in _made_worlds().items()
    }
    drawn = {
        f"{_FAMILY}/{name}": World(partial(_drawn, name), f"Three altars {item.place}.", ("items",))
        for name, item in DRAWN.items()
    }
    return made | drawn


def _made_worlds() -> Mapping[str, _Made]:
    def around_agent(distance: float, **walls: int) -> MeanDistance:
        return MeanDistance(distance, {"altar": 3, **walls})

    return {
        "emptyspace_withinsight": _Made(45, 12, 12, 3, around_agent(10), "in an empty room, in sight"),
        "emptyspace_outofsight": _Made(150, 25, 25, 3, around_agent(15), "in an empty room, out of sight"),
        # Evaluations do not sample: the distance is 30.
        "emptyspace_sparse": _Made(300, 60, 60, 3, around_agent(around(30, 20, 30, 0)), "in a wide empty room"),
        "walls_withinsight": _Made(75, 12, 12, 3, around_agent(10, wall=4), "in sight among a few walls"),
        "walls_outofsight": _Made(120, 25, 25, 3, around_agent(15, wall=12), "out of sight among a few walls"),
        "walls_sparse": _Made(250, 35, 35, 3, around_agent(25, wall=12), "in a wide room with a few walls"),
        "emptyspace_sparse_medium": _Made(1000, 100, 100, 5, _cells(), "in three of nine parts of a very wide room"),
        "labyrinth": _Made(250, 31, 31, 2, _labyrinth(), "in the middle of a maze"),
        "radialmaze": _Made(200, 20, 20, 1, _radial_maze(), "at the ends of three of four arms"),
    }


def _cells() -> Scene:
    edge, inner = ("edge",) * 5, ("edge", "middle", "middle", "middle", "edge")
    return RoomGrid(
        layout=(edge, inner, inner, inner, edge),
        border_width=0,
        children=(
            Child(Random(objects={"altar": 1}), ("middle",), limit=3, lock="cells"),
            Child(Random(agents=1), ("middle",), limit=1, lock="cells"),
        ),
    )


def _labyrinth() -> Scene:
    treasury = InlineAscii(".......\n.......\n._._._.\n.......\n.......")
    return Maze(
        algorithm="dfs",
        room_size=3,
        wall_size=1,
        children=(
            Child(Layout((LayoutArea(1, 1),), children=(Child(Random(agents=1)),)), ("top-left",)),
            Child(Layout((LayoutArea(7, 5),), children=(Child(treasury),)), "full"),
        ),
    )


def _radial_maze() -> Scene:
    return RadialMaze(
        arms=4,
        arm_length=8,
        children=(
            Child(Random(agents=1), ("center",)),
            Child(Random(objects={"altar": 1}), ("endpoint",), limit=3, order_by="first"),
        ),
    )


def _made(item: _Made, options: WorldOptions) -> EnvConfig:
    maps = MapGen(item.root, width=item.width, height=item.height, border_width=item.border_width)
    return _world(item.steps, 10, maps, options)


def _drawn(name: str, options: WorldOptions) -> EnvConfig:
    item = DRAWN[name]
    maps = drawn_map(f"navigation/{name}", item.border_width)
    return _world(item.steps, item.altar_cooldown, maps, options)


def _world(steps: int, altar_cooldown: int, maps: object, options: WorldOptions) -> EnvConfig:
    game = base_game(
        num_agents=1,
        object_sets=("basic",),
        items=options.items or "classic",
        max_steps=steps,
        rewards={"heart": 0.333},
        without=("attack",),
        changes={"altar": {"initial_resource_count": 1, "cooldown": altar_cooldown}},
    )
    return EnvConfig(game=game, map_builder=maps)
