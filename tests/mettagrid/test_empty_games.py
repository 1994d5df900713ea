"""Games that have nothing of a kind: no walls, no converters, no items, no action but noop; on both paths."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.config import GameConfig
from metta_jax.mettagrid import MettaGrid, TaskGrid, VectorEnv
from tests.mettagrid.small_world import game
from tests.oracle import Oracle

NOOP_ONLY = {"noop": {"enabled": True}}
ALL_ACTIONS = {
    name: {"enabled": True}
    for name in ("attack", "change_color", "get_items", "move", "noop", "put_items", "rotate", "swap")
}
BLOCK = {"block": {"type_id": 1, "swappable": True}}
BARE = [["agent.agent", "empty"], ["empty", "agent.agent"]]
WALLED = [["agent.agent", "wall"], ["wall", "agent.agent"]]
WITH_MINE = [["agent.agent", "mine"], ["empty", "agent.agent"]]
MINE = game()["objects"]["mine"]
NO_ITEMS = {"inventory_item_names": [], "agent": {}}
NOTHING_SHOWN = dict.fromkeys(("episode_completion_pct", "last_action", "last_reward", "resource_rewards"), False)

GAMES: dict[str, tuple[dict[str, Any], list[list[str]]]] = {
    "no objects": ({"objects": {}}, BARE),
    "no walls": ({"objects": {"mine": MINE}}, WITH_MINE),
    "no converters": ({"objects": {"wall": {"type_id": 1}}}, WALLED),
    "no walls or converters on the map": ({}, BARE),
    "no items": (NO_ITEMS | {"objects": {"wall": {"type_id": 1}, "mine": MINE | {"output_resources": {}}}}, WITH_MINE),
    "no items and no objects": (NO_ITEMS | {"objects": {}}, BARE),
    "nothing but noop": (NO_ITEMS | {"objects": {}, "actions": NOOP_ONLY}, BARE),
    "nothing but noop, one cell": (
        NO_ITEMS | {"objects": {}, "actions": NOOP_ONLY, "num_agents": 1},
        [["agent.agent"]],
    ),
    "no rewards": ({"objects": {}, "agent": {}}, BARE),
    "blocks only": (
        {"objects": {"block": {"type_id": 1, "swappable": True}}},
        [["agent.agent", "block", "agent.agent"]],
    ),
    "a group without agents": ({"objects": {}, "groups": {"agent": {"id": 0}, "others": {"id": 1}}}, BARE),
    "no global tokens": ({"objects": {}, "global_obs": NOTHING_SHOWN}, BARE),
    "recipes shown of nothing": (
        NO_ITEMS | {"objects": {"mine": MINE | {"output_resources": {}, "show_recipe_inputs": True}}},
        WITH_MINE,
    ),
    "costs of nothing": (
        NO_ITEMS | {"objects": {}, "actions": {"noop": {"enabled": True, "consumed_resources": {}}}},
        BARE,
    ),
}


@pytest.mark.parametrize("path", ["wide", pytest.param("narrow", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("actions", "stats"), [("as given", "full"), pytest.param("all", "none", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", GAMES)
def test_plays_as_the_oracle_does(name: str, actions: str, stats: Any, path: str) -> None:
    changes, rows = GAMES[name]
    config = game(max_steps=3) | changes
    if actions == "all":
        config["actions"] = ALL_ACTIONS
    env = MettaGrid(GameConfig.model_validate(config), [rows], stats=stats, engine_path=path)
    oracle = Oracle(config, [rows])
    state, first = env.reset(env.params, jax.random.key(0), 0)
    world, expected = oracle.reset(map_index=0)
    np.testing.assert_array_equal(first.observation, expected.observation)
    order = np.arange(env.num_agents, dtype=np.int32)
    rng = np.random.default_rng(0)
    for _ in range(4):
        drawn = rng.integers(-1, len(env.action_names) + 1, (env.num_agents, 2)).astype(np.int32)
        state, timestep = env.step(env.params, state, drawn, order)
        world, expected = oracle.step(None, world, drawn, order)
        for field in ("observation", "reward", "terminated", "action_success"):
            np.testing.assert_array_equal(getattr(timestep, field), getattr(expected, field), err_msg=field)
    env.grid_objects(env.params, state)
    env.episode_stats(env.params, state)
    assert env.object_type_names[0] == "agent"


@pytest.mark.parametrize("path", [pytest.param("wide", marks=pytest.mark.slow), "narrow"])
@pytest.mark.parametrize("name", ["no objects", "nothing but noop", "no walls"])
def test_a_batch_goes_on_after_its_episodes(name: str, path: str) -> None:
    changes, rows = GAMES[name]
    env = VectorEnv(MettaGrid(GameConfig.model_validate(game(max_steps=2) | changes), [rows], engine_path=path), 3)
    state, _ = env.reset(env.env.params, jax.random.key(0))
    for _ in range(3):
        state, timestep = env.step(env.env.params, state, np.zeros((3, env.env.num_agents, 2), np.int32))
    assert np.asarray(timestep.episode.episode_length).tolist() == [1, 1, 1]


def test_an_empty_game_beside_another_one() -> None:
    configs = [GameConfig.model_validate(game() | {"objects": objects}) for objects in ({}, game()["objects"])]
    env = TaskGrid(configs, [[BARE], [WITH_MINE]])
    assert env.layout.wall_names == ("wall",)
