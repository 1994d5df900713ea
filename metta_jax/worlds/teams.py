"""Worlds of crowds and teams: `ants`, `bases`, `laser_tag`."""

from __future__ import annotations

from metta_jax.config import EnvConfig
from metta_jax.mapgen import Child, Layout, LayoutArea, MapGen, Random, RoomGrid
from metta_jax.worlds.base_rules import ALL_SETS, base_game, team_groups
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_TAKES = ("num_agents", "width", "height", "items")


def team_worlds() -> dict[str, World]:
    """`ants`, `bases`, `laser_tag`."""
    return {
        "ants": World(_ants, "A colony of 36 carries ore from far mines to the altars of its nest.", _TAKES),
        "bases": World(
            _bases, "Four teams, each with a base in its corner; mines and altars lie between them.", _TAKES
        ),
        "laser_tag": World(_laser_tag, "Two teams arm themselves at free laseries and fight over the middle.", _TAKES),
    }


def _ants(options: WorldOptions) -> EnvConfig:
    agents = options.num_agents or 36
    width, height = options.size(50, 50)
    game = base_game(
        num_agents=agents,
        object_sets=("basic", "mines"),
        items=options.items or "classic",
        groups=team_groups(1, shared=0),
        rewards={"heart": 1, "ore_red": 0.005},
        changes={
            "altar": {"input_resources": {"ore_red": 2}, "initial_resource_count": 1, "max_output": 50},
            "mine_red": {"cooldown": 100, "initial_resource_count": 10, "max_output": 10},
        },
    )
    quarry = Random(objects={"mine_red": 5}, too_many_is_ok=False)
    nest = Random(objects={"altar": 4, "mine_red": 1}, agents={"team_1": agents}, too_many_is_ok=False)
    rooms = RoomGrid(
        rows=4,
        columns=4,
        border_width=0,
        children=(Child(quarry, limit=1, lock="room"), Child(nest, limit=1, lock="room")),
    )
    return EnvConfig(game=game, map_builder=MapGen(rooms, width=width, height=height, border_width=6))


def _bases(options: WorldOptions) -> EnvConfig:
    """Corners are bases, sides are wild. The original has all agents in one group; here every corner has its team."""
    agents = options.agents_per_room(6, 4)
    width, height = options.size(60, 60)
    game = base_game(
        num_agents=4 * agents, object_sets=ALL_SETS, items=options.items or "classic", groups=team_groups(4)
    )
    plant = dict.fromkeys(("armory", "lasery", "lab", "factory", "temple"), 1)
    base = {"generator_red": 2, **plant, "wall": 5}

    def in_the_middle(content: Random) -> Layout:
        return Layout((LayoutArea(10, 10),), children=(Child(content),))

    def camp(team: str) -> Layout:
        return in_the_middle(Random(objects=base, agents={team: agents}, too_many_is_ok=False))

    centre = in_the_middle(Random(objects={"altar": 2, "generator_red": 2, "wall": 5}, too_many_is_ok=False))
    wild = Random(objects={"mine_red": 10, "altar": 1, "wall": 5}, too_many_is_ok=False)
    rooms = RoomGrid(
        layout=(("team_1", "wild", "team_2"), ("wild", "centre", "wild"), ("team_3", "wild", "team_4")),
        border_width=0,
        children=(
            *(Child(camp(team), (team,)) for team in team_groups(4)),
            Child(wild, ("wild",)),
            Child(centre, ("centre",)),
        ),
    )
    return EnvConfig(game=game, map_builder=MapGen(rooms, width=width, height=height, border_width=6))


def _laser_tag(options: WorldOptions) -> EnvConfig:
    """The middle has mines, so the set of mines is added: the original forgot it."""
    agents = options.agents_per_room(18, 2)
    width, height = options.size(25, 25)
    free = {"input_resources": {}, "cooldown": 5, "initial_resource_count": 5}
    game = base_game(
        num_agents=2 * agents,
        object_sets=("basic", "mines", "combat"),
        items=options.items or "classic",
        groups=team_groups(2, shared=0),
        limit=5,
        changes={"armory": free, "lasery": free, "altar": {"initial_resource_count": 1}},
    )

    def camp(team: str) -> Random:
        return Random(objects={"lasery": 4, "armory": 4}, agents={team: agents}, too_many_is_ok=False)

    middle = Random(objects={"altar": 1, "mine_red": 10}, too_many_is_ok=False)
    rooms = RoomGrid(
        layout=(("team_1", "middle", "team_2"),),
        border_width=0,
        children=(
            Child(camp("team_1"), ("team_1",)),
            Child(middle, ("middle",)),
            Child(camp("team_2"), ("team_2",)),
        ),
    )
    return EnvConfig(game=game, map_builder=MapGen(rooms, width=width, height=height, border_width=6))
