"""Small worlds whose outcome was worked out by hand, so that the oracle is checked by more than recorded runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracle import Oracle, TimeStep, World

ALL_ACTIONS = ("noop", "move", "rotate", "put_items", "get_items", "attack", "swap", "change_color", "change_glyph")
ATTACK, GET, MOVE, NOOP, PUT, ROTATE, SWAP = 0, 3, 4, 5, 6, 7, 8
UP, DOWN, LEFT, RIGHT = 0, 1, 2, 3


def make_config(num_agents: int = 1, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "inventory_item_names": ["ore", "heart", "laser"],
        "num_agents": num_agents,
        "max_steps": 100,
        "obs_height": 3,
        "obs_width": 3,
        "num_observation_tokens": 40,
        "agent": {"default_resource_limit": 50, "freeze_duration": 3},
        "groups": {"agent": {"id": 0}},
        "actions": {name: {"enabled": True} for name in ALL_ACTIONS},
        "objects": {"wall": {"type_id": 1}, "block": {"type_id": 14, "swappable": True}},
    }
    config["actions"]["change_glyph"]["number_of_glyphs"] = 4
    return config | changes


def converter(type_id: int = 2, **changes: Any) -> dict[str, Any]:
    return {
        "type_id": type_id,
        "input_resources": {},
        "output_resources": {"ore": 1},
        "max_output": 5,
        "conversion_ticks": 1,
        "cooldown": 1,
        "initial_resource_count": 0,
    } | changes


def with_objects(config: dict[str, Any], **objects: Any) -> dict[str, Any]:
    return config | {"objects": config["objects"] | objects}


def act(oracle: Oracle, world: World, *actions: tuple[int, int], order: list[int] | None = None) -> TimeStep:
    """One step; agents without an action do noop."""
    given = [*actions, *[(NOOP, 0)] * (oracle.num_agents - len(actions))]
    return oracle.step(None, world, np.array(given, np.int32), order or list(range(oracle.num_agents)))[1]


@pytest.mark.parametrize(
    ("changes", "stocks"),
    [
        # Due at 2, 6, 8, 12, 14; busy all the time until the store is full.
        ({"conversion_ticks": 2, "cooldown": 4, "max_output": 3}, {1: 0, 2: 1, 6: 1, 8: 2, 13: 2, 14: 3, 30: 3}),
        ({"conversion_ticks": 1, "cooldown": 0, "max_output": 3}, {1: 1, 2: 2, 3: 3, 9: 3}),
        ({"conversion_ticks": 0, "cooldown": 3, "max_output": 3}, {1: 1, 3: 1, 4: 2, 6: 2, 7: 3, 20: 3}),
        ({"conversion_ticks": 0, "cooldown": 0, "max_output": 2}, {1: 2, 5: 2}),
    ],
)
def test_a_source_fills_up(changes: dict[str, int], stocks: dict[int, int]):
    oracle = Oracle(with_objects(make_config(), mine=converter(**changes)), [["agent.agent", "mine"]])
    world, _ = oracle.reset()
    for step in range(1, max(stocks) + 1):
        act(oracle, world)
        if step in stocks:
            assert oracle.converter_inventory(world)[0, 0] == (stocks[step] or -1)


def test_a_full_source_counts_being_blocked_once():
    oracle = Oracle(with_objects(make_config(), mine=converter(cooldown=0, max_output=3)), [["agent.agent", "mine"]])
    world, _ = oracle.reset()
    for _ in range(8):
        act(oracle, world)

    assert oracle.episode_stats(None, world)["converter"][0]["blocked.output_full"] == 1.0


def test_taking_from_a_full_source_starts_it():
    config = with_objects(make_config(), mine=converter(cooldown=2, max_output=1))
    oracle = Oracle(config, [["mine"], ["agent.agent"]])
    world, _ = oracle.reset()
    for _ in range(4):
        act(oracle, world)
    assert (world.converters[0].busy, world.converters[0].inventory) == (False, {0: 1})
    act(oracle, world, (GET, 0))
    assert (world.converters[0].busy, world.converters[0].inventory) == (True, {})
    act(oracle, world)
    assert world.converters[0].inventory == {0: 1}


@pytest.mark.parametrize(
    ("cap", "maximum", "ore", "hearts", "ore_back"),
    [
        ("running_total", 1, 0.3, 5.0, -4.3),
        ("per_item", 1, 0.1, 5.0, -0.1),
        ("per_item", 10, 0.3, 5.0, -0.3),
        ("per_item_reward", 1, 0.3, 5.0, -0.3),
        ("per_item_reward", 0.25, 0.25, 5.0, -0.25),
    ],
)
def test_caps(cap: str, maximum: float, ore: float, hearts: float, ore_back: float):
    config = make_config()
    config["agent"]["rewards"] = {"inventory": {"ore": 0.1, "ore_max": maximum, "heart": 1.0}}
    store = {"max_output": 0, "output_resources": {"ore": 1}, "initial_resource_count": 3}
    config = with_objects(
        config,
        ores=converter(2, **store),
        hearts=converter(3, **store | {"output_resources": {"heart": 1}, "initial_resource_count": 5}),
        sink=converter(4, input_resources={"ore": 3}, output_resources={"laser": 1}, max_output=0),
    )
    maps = [["empty", "ores", "empty"], ["hearts", "agent.agent", "sink"]]
    oracle = Oracle(config, maps, resource_reward_cap=cap)
    world, _ = oracle.reset()
    rewards = []
    for facing, action in ((UP, GET), (LEFT, GET), (RIGHT, PUT)):
        act(oracle, world, (ROTATE, facing))
        rewards.append(act(oracle, world, (action, 0)).reward[0])

    np.testing.assert_allclose(rewards, [ore, hearts, ore_back], rtol=1e-6)


def test_running_total_is_clipped_even_by_a_get_that_takes_nothing():
    config = make_config()
    config["agent"]["rewards"] = {"inventory": {"ore": 0.1, "ore_max": 1, "heart": 1.0}}
    config["agent"]["resource_limits"] = {"ore": 0}
    store = {"max_output": 0, "initial_resource_count": 5}
    config = with_objects(
        config, ores=converter(2, **store), hearts=converter(3, output_resources={"heart": 1}, **store)
    )
    oracle = Oracle(config, [["ores"], ["agent.agent"], ["hearts"]], resource_reward_cap="running_total")
    world, _ = oracle.reset()
    act(oracle, world, (ROTATE, DOWN))
    assert act(oracle, world, (GET, 0)).reward[0] == 5.0
    act(oracle, world, (ROTATE, UP))
    timestep = act(oracle, world, (GET, 0))
    assert not timestep.action_success[0]
    assert timestep.reward[0] == -4.0


def test_rewards_of_one_step():
    config = make_config(2)
    config["groups"]["agent"]["group_reward_pct"] = 0.5
    config["agent"]["rewards"] = {"inventory": {"ore": 1.0}, "stats": {"action.noop.success": 0.5}}
    config = with_objects(config, mine=converter(max_output=0, initial_resource_count=9))
    oracle = Oracle(config, [["mine", "empty"], ["agent.agent", "agent.agent"]])
    world, _ = oracle.reset()
    timestep = act(oracle, world, (GET, 0))

    last_reward = timestep.observation[:, 3]
    np.testing.assert_array_equal(last_reward, [[0x11, 11, 132], [0x11, 11, 0]])
    np.testing.assert_array_equal(world.episode_return, [9.0, 0.5])
    np.testing.assert_array_equal(timestep.reward, [6.875, 2.625])


def test_an_observation():
    config = with_objects(make_config(2), mine=converter(color=7, initial_resource_count=1))
    maps = [["wall", "mine", "block"], ["empty", "agent.agent", "agent.agent"], ["empty", "empty", "wall"]]
    expected = [
        *[(0x11, 8, 0), (0x11, 9, 0), (0x11, 10, 0), (0x11, 11, 0)],
        *[(0x11, 0, 0), (0x11, 1, 0), (0x11, 3, 0), (0x11, 4, 0), (0x11, 5, 0)],
        *[(0x01, 0, 2), (0x01, 5, 7), (0x01, 6, 1), (0x01, 14, 1)],
        *[(0x12, 0, 0), (0x12, 1, 0), (0x12, 3, 0), (0x12, 4, 0), (0x12, 5, 0)],
        *[(0x00, 0, 1), (0x02, 0, 14), (0x02, 7, 1), (0x22, 0, 1)],
    ]
    _, timestep = Oracle(config, maps).reset()
    unused = [(255, 255, 255)] * (40 - len(expected))
    np.testing.assert_array_equal(timestep.observation[0], [*expected, *unused])

    oracle = Oracle(config | {"num_observation_tokens": 7}, maps)
    world, timestep = oracle.reset()
    np.testing.assert_array_equal(timestep.observation[0], expected[:7])
    assert oracle.episode_stats(None, world)["game"]["tokens_written"] == 14.0


def test_a_missing_resource_leaves_a_zero_entry():
    config = make_config()
    config["actions"]["attack"]["consumed_resources"] = {"laser": 1}
    config["actions"]["noop"]["required_resources"] = {"laser": 0}
    oracle = Oracle(config, [["agent.agent"]])
    world, _ = oracle.reset()
    timestep = act(oracle, world, (ATTACK, 0))
    assert not timestep.action_success[0]
    assert [0x11, 14 + 2, 0] in timestep.observation[0].tolist()

    act(oracle, world, (MOVE, 0))
    assert world.agents[0].inventory == {2: 0}
    act(oracle, world, (NOOP, 0))
    assert world.agents[0].inventory == {}


@pytest.mark.parametrize("argument", range(9))
def test_the_attack_argument_counts_agents_from_near_to_far(argument: int):
    # Numbers: the argument that hits the agent at this place.
    places = ["768", "435", "102"]
    rows = [["agent.agent"] * 3 for _ in places] + [["empty", "agent.agent", "empty"]]
    oracle = Oracle(make_config(10), rows)
    world, _ = oracle.reset()
    act(oracle, world, *[(NOOP, 0)] * 9, (ATTACK, argument))

    frozen = [agent.agent_id for agent in world.agents if agent.frozen]
    assert [places[i // 3][i % 3] for i in frozen] == [str(argument)]


def test_an_agent_hit_before_its_turn_thaws_by_one():
    oracle = Oracle(make_config(2), [["agent.agent"], ["agent.agent"]])
    world, _ = oracle.reset()
    timestep = act(oracle, world, (MOVE, 0), (ATTACK, 0))

    assert world.agents[0].frozen == 2
    np.testing.assert_array_equal(timestep.action_success, [False, True])


def test_a_steal_is_limited_by_the_attackers_pockets():
    config = make_config(2)
    config["groups"] = {"agent": {"id": 0}, "thief": {"id": 1, "props": {"resource_limits": {"ore": 2}}}}
    config = with_objects(config, mine=converter(max_output=0, initial_resource_count=9))
    oracle = Oracle(config, [["mine"], ["agent.agent"], ["agent.thief"]])
    world, _ = oracle.reset()
    act(oracle, world, (GET, 0))
    act(oracle, world, (NOOP, 0), (ATTACK, 0))

    np.testing.assert_array_equal(oracle.agent_inventory(world), [[7, -1, -1], [2, -1, -1]])
    stats = oracle.episode_stats(None, world)["agent"]
    assert stats[1]["action.attack.thief.steals.ore.from.agent"] == 2.0
    assert stats[0]["action.attack.agent.hit_by.thief"] == 1.0


def test_a_defended_attack_succeeds_and_costs_the_target():
    config = make_config(2)
    config["actions"]["attack"]["defense_resources"] = {"ore": 4}
    config = with_objects(config, mine=converter(max_output=0, initial_resource_count=9))
    oracle = Oracle(config, [["mine"], ["agent.agent"], ["agent.agent"]])
    world, _ = oracle.reset()
    act(oracle, world, (GET, 0))
    timestep = act(oracle, world, (NOOP, 0), (ATTACK, 0))

    assert timestep.action_success[1]
    assert (world.agents[0].frozen, world.agents[0].inventory) == (0, {0: 5})


def test_invalid_types_are_punished_in_each_pass():
    config = make_config()
    config["agent"]["action_failure_penalty"] = 0.25
    oracle = Oracle(config, [["agent.agent"]])
    world, _ = oracle.reset()
    assert act(oracle, world, (9, 0)).reward[0] == -0.5
    assert act(oracle, world, (MOVE, 2)).reward[0] == -0.25
    assert act(oracle, world, (ROTATE, -1)).reward[0] == -0.25

    config["actions"]["attack"]["enabled"] = False
    oracle = Oracle(config, [["agent.agent"]])
    world, _ = oracle.reset()
    assert act(oracle, world, (8, 0)).reward[0] == -0.25


def test_maps_are_checked():
    with pytest.raises(ValueError, match="Unknown object type: mime"):
        Oracle(make_config(), [["agent.agent", "mime"]]).reset()
    with pytest.raises(ValueError, match="num_agents: 1 is not"):
        Oracle(make_config(), [["empty"]]).reset()
    with pytest.raises(ValueError, match="Trying to add other"):
        Oracle(with_objects(make_config(), other={"type_id": 1}), [["agent.agent"]])
