"""memory: what was seen must be found again. systematic_exploration_memory: nothing must be searched twice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import Ascii, AsciiRoom, MapGen
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.drawn import drawn_map, drawn_text, num_agents_on
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_SYSTEMATIC = "systematic_exploration_memory/evals"
_MADE_FIRST = "Mine, generator, altar, in this order, "


class _Eval(NamedTuple):
    steps: int
    description: str
    drawing: str = ""


class _Training(NamedTuple):
    steps: int
    rooms: int
    agents_per_room: int
    wall: int  # between rooms


_SEQUENCES = {
    "access_cross": _Eval(150, f"{_MADE_FIRST}at the ends of a wide cross; a green mine misleads."),
    "boxout": _Eval(350, f"{_MADE_FIRST}in three of four boxes, each open on another side."),
    "choose_wisely": _Eval(210, f"{_MADE_FIRST}twice: by a short way and by a long one."),
    "corners": _Eval(100, f"{_MADE_FIRST}in three corners of a room."),
    "easy_sequence": _Eval(90, "Two lanes: pass altar and generator, find the mine, and come back.", "easy"),
    "hall_of_mirrors": _Eval(175, f"{_MADE_FIRST}in three of four rooms that mirror each other."),
    "hard_sequence": _Eval(170, "Two very long lanes: pass altar and generator, find the mine, and come back.", "hard"),
    "journey_home": _Eval(300, "Out along a winding road to mine and generator, and home to the altar."),
    "little_landmark_easy": _Eval(110, f"{_MADE_FIRST}in a small room with landmarks."),
    "little_landmark_hard": _Eval(140, f"{_MADE_FIRST}in a room with landmarks that look alike."),
    "lobster_legs": _Eval(350, f"{_MADE_FIRST}in the feet of three of twelve legs."),
    "lobster_legs_cues": _Eval(350, f"{_MADE_FIRST}in the feet of three of twelve legs, which a block points out."),
    "medium_sequence": _Eval(100, "Two long lanes: pass altar and generator, find the mine, come back.", "medium"),
    "memory_swirls": _Eval(500, f"{_MADE_FIRST}in the middle of three swirls."),
    "memory_swirls_hard": _Eval(600, f"{_MADE_FIRST}in the middle of three of four large swirls."),
    "passing_things": _Eval(300, f"{_MADE_FIRST}behind walls: first passed, later reached."),
    "spacey_memory": _Eval(250, f"{_MADE_FIRST}far apart in wide space with a few stars."),
    "tease": _Eval(500, f"{_MADE_FIRST}seen through walls at once, reached by a long way round."),
    "tease_small": _Eval(375, f"{_MADE_FIRST}seen through walls, reached by a way round a long hall."),
    "venture_out": _Eval(375, f"{_MADE_FIRST}in the corners around a house that has to be left."),
    "which_way": _Eval(140, f"{_MADE_FIRST}left, right and ahead of a fork."),
    "you_shall_not_pass": _Eval(140, f"{_MADE_FIRST}twice, beyond barriers with a gap at one side."),
}
_HEARTS = {
    "easy": _Eval(42, "Two lanes with three altars each; no step to waste."),
    "medium": _Eval(58, "Two long lanes with three altars each; no step to waste."),
    "hard": _Eval(70, "Two very long lanes with three altars each; no step to waste."),
}
_TRAINING = {"easy": _Training(45, 2, 8, 1), "medium": _Training(58, 2, 8, 2), "hard": _Training(70, 4, 4, 1)}

_CHAIN: Mapping[str, Mapping[str, int]] = {
    "mine_red": {"cooldown": 10, "initial_resource_count": 1, "max_output": 1},
    "generator_red": {"cooldown": 10, "max_output": 1},
    "altar": {"cooldown": 255, "max_output": 1},
}
"""One ore, one battery, one heart at a time."""

# Steps in the worlds of systematic exploration, which use the maps of memory with an altar for each converter.
_EXPLORATION = {
    "boxout": 150,
    "choose_wisely": 200,
    "corners": 300,
    "hall_of_mirrors": 150,
    "journey_home": 110,
    "little_landmark_hard": 100,
    "lobster_legs": 210,
    "lobster_legs_cues": 210,
    "memory_swirls": 300,
    "memory_swirls_hard": 300,
    "passing_things": 320,
    "spacey_memory": 200,
    "tease": 300,
    "tease_small": 300,
    "venture_out": 300,
    "you_shall_not_pass": 120,
}
_EXPLORATION_ONLY = {
    "rooms": _Eval(350, "Altars in three of twenty rooms."),
    "spiral_chamber": _Eval(300, "Altars along a spiral corridor and at its end."),
}


def memory_worlds() -> dict[str, World]:
    """25 worlds of memory/evals, 3 of memory/training, 18 of systematic_exploration_memory/evals."""
    takes = ("items",)
    worlds = {
        f"memory/evals/{name}": World(partial(_sequence, item.drawing or name, item.steps), item.description, takes)
        for name, item in _SEQUENCES.items()
    }
    for name, item in _HEARTS.items():
        worlds[f"memory/evals/{name}"] = World(partial(_lanes, f"memory/{name}", item.steps), item.description, takes)
    for name, item in _TRAINING.items():
        description = f"Lanes with three altars each, for many agents; no step to waste ({name})."
        worlds[f"memory/training/{name}"] = World(partial(_training, name, item), description, takes)
    for name, steps in _EXPLORATION.items():
        number = "six" if name in ("choose_wisely", "you_shall_not_pass") else "three"
        description = f"Find {number} altars without searching a place twice; the map of memory/evals/{name}."
        worlds[f"{_SYSTEMATIC}/{name}"] = World(partial(_search, f"memory/{name}", steps), description, takes)
    for name, item in _EXPLORATION_ONLY.items():
        build = partial(_search, f"exploration/{name}", item.steps)
        worlds[f"{_SYSTEMATIC}/{name}"] = World(build, item.description, takes)
    return worlds


def _sequence(drawing: str, steps: int, options: WorldOptions) -> EnvConfig:
    maps = drawn_map(f"memory/{drawing}", border_width=3)
    game = _game(num_agents_on(maps), steps, options, easy=("altar",), changes=_CHAIN)
    return EnvConfig(game=game, map_builder=maps)


def _lanes(drawing: str, steps: int, options: WorldOptions) -> EnvConfig:
    """The rules of the sequences, with a full altar for every converter of the map."""
    maps = _altars(drawing, border_width=3)
    changes = {**_CHAIN, "altar": {**_CHAIN["altar"], "initial_resource_count": 1}}
    return EnvConfig(game=_heart_game(num_agents_on(maps), steps, options, changes, easy=("altar",)), map_builder=maps)


def _search(drawing: str, steps: int, options: WorldOptions) -> EnvConfig:
    maps = _altars(drawing, border_width=1)
    changes = {"altar": {"initial_resource_count": 1}}
    return EnvConfig(game=_heart_game(num_agents_on(maps), steps, options, changes), map_builder=maps)


def _training(name: str, item: _Training, options: WorldOptions) -> EnvConfig:
    """The original's altars are empty, and there are no batteries to fill them."""
    root = Ascii(drawn_text(f"memory/training_{name}"))
    maps = MapGen(root, border_width=1, instances=item.rooms, instance_border_width=item.wall)
    changes = {"altar": {"initial_resource_count": 1, "cooldown": 255}}
    game = _heart_game(item.rooms * item.agents_per_room, item.steps, options, changes, object_sets=("basic",))
    return EnvConfig(game=game, map_builder=maps)


def _altars(drawing: str, border_width: int) -> AsciiRoom:
    """Every converter of the map becomes an altar."""
    return drawn_map(drawing, border_width, contents=("altar",))


def _heart_game(
    num_agents: int, steps: int, options: WorldOptions, changes: Mapping[str, Mapping[str, int]], **rules: Any
) -> GameConfig:
    return _game(num_agents, steps, options, rewards={"heart": 0.333}, changes=changes, **rules)


def _game(num_agents: int, steps: int, options: WorldOptions, **rules: Any) -> GameConfig:
    return base_game(
        num_agents=num_agents,
        items=options.items or "classic",
        max_steps=steps,
        **{"object_sets": ("basic", "mines", "generators"), **rules},
    )
