"""Small games for the adapters' tests, each of which compiles once for all of them."""

from __future__ import annotations

import functools

from metta_jax.adapters import Game, make_game
from metta_jax.config import EnvConfig
from metta_jax.mapgen import FixedMap
from tests.mettagrid.small_world import MAP, game_config

ONE_AGENT_MAPS = [
    [[name if name != "agent.agent" or c == 1 else "empty" for c, name in enumerate(row)] for row in MAP],
    [["wall"] * 5, ["wall", "mine", "agent.agent", "empty", "wall"], ["wall", "empty", "mine", "empty", "wall"]],
]


@functools.cache
def pair() -> Game:
    """Two agents, one map, four steps."""
    config = EnvConfig(game=game_config(), map_builder=FixedMap(tuple(map(tuple, MAP)), ("walled",)), labels=("test",))
    return make_game(config, num_maps=1)


@functools.cache
def alone() -> Game:
    """One agent, two maps, four steps; the limit truncates."""
    return make_game(game_config(num_agents=1, episode_truncates=True), maps=ONE_AGENT_MAPS)


def fixed(rows: list[list[str]]) -> FixedMap:
    return FixedMap(tuple(map(tuple, rows)))
