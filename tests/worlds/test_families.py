"""Root worlds, training worlds and those of many agents: contents, rules, and what is sampled."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from metta_jax import worlds
from metta_jax.config import ConverterConfig, EnvConfig
from tests.worlds.api_test import map_of

NUM_TASKS = 40


def _counts(world: EnvConfig, seed: int = 0) -> Counter[str]:
    found = Counter(map_of(world, seed).grid.ravel().tolist())
    del found["wall"], found["empty"]
    return found


def _converter(world: EnvConfig, name: str) -> ConverterConfig:
    thing = world.game.objects[name]
    assert isinstance(thing, ConverterConfig)
    return thing


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("ants", (62, 62), {"agent.team_1": 36, "mine_red": 6, "altar": 4}),
        (
            "bases",
            (72, 72),
            {f"agent.team_{team}": 6 for team in (1, 2, 3, 4)}
            | dict.fromkeys(("armory", "lasery", "lab", "factory", "temple"), 4)
            | {"generator_red": 4 * 2 + 2, "mine_red": 4 * 10, "altar": 4 + 2},
        ),
        ("debug", (4, 6), {"agent.agent": 2, "altar": 2, "mine_red": 1, "lab": 1}),
        (
            "laser_tag",
            (37, 37),
            {"agent.team_1": 18, "agent.team_2": 18, "lasery": 8, "armory": 8, "altar": 1, "mine_red": 10},
        ),
        (
            "puffer",
            (60, 60),
            {"agent.agent": 24, "mine_red": 40, "generator_red": 8, "block": 80}
            | dict.fromkeys(("altar", "armory", "lasery", "lab", "factory", "temple"), 4),
        ),
        (
            "object_use/training/easy_all_objects",
            (75, 75),
            {"agent.agent": 4, "mine_red": 8, "generator_red": 12, "block": 12}
            | dict.fromkeys(("altar", "armory", "lasery", "lab", "factory", "temple"), 4),
        ),
        ("diversity/multi_left_or_right", (112, 312), {"agent.team_1": 32, "agent.team_2": 32, "altar": 4 * 64}),
    ],
)
def test_size_and_contents(name: str, shape: tuple[int, int], counts: dict[str, int]) -> None:
    world = worlds.get(name)
    assert map_of(world).grid.shape == shape
    assert _counts(world) == counts


def test_rules_of_the_root_worlds() -> None:
    ants = worlds.get("ants")
    altar, mine = _converter(ants, "altar"), _converter(ants, "mine_red")
    assert (altar.input_resources, altar.initial_resource_count, altar.max_output) == ({"ore_red": 2}, 1, 50)
    assert (mine.cooldown, mine.initial_resource_count, mine.max_output) == (100, 10, 10)
    assert ants.game.agent.rewards.inventory == {"heart": 1, "ore_red": 0.005}
    assert ants.game.groups["team_1"].group_reward_pct == 0

    debug = worlds.get("debug").game
    assert (debug.enabled_actions(), debug.agent.freeze_duration) == (("get_items", "rotate"), 0)

    tag = worlds.get("laser_tag")
    for name in ("armory", "lasery"):
        thing = _converter(tag, name)
        assert (thing.input_resources, thing.cooldown, thing.initial_resource_count) == ({}, 5, 5)
    assert _converter(tag, "altar").initial_resource_count == 1
    assert tag.game.agent.default_resource_limit == 5
    assert [group.group_reward_pct for group in tag.game.groups.values()] == [0, 0]

    bases = worlds.get("bases").game.groups
    assert {name: (group.id, group.group_reward_pct) for name, group in bases.items()} == {
        f"team_{team}": (team, 0.5) for team in (1, 2, 3, 4)
    }


def test_each_base_has_a_team_in_its_corner() -> None:
    grid = map_of(worlds.get("bases")).grid[6:-6, 6:-6]
    for team, (row, column) in {1: (0, 0), 2: (0, 40), 3: (40, 0), 4: (40, 40)}.items():
        corner = grid[row + 5 : row + 15, column + 5 : column + 15]
        assert (corner == f"agent.team_{team}").sum() == 6


def test_relatives_of_simple() -> None:
    simple, easy, full = (worlds.get(name) for name in ("simple", "simple.easy", "full"))
    for name in ("altar", "mine_red", "generator_red"):
        assert _converter(easy, name).initial_resource_count == 1
    assert _converter(easy, "altar").input_resources == {"battery_red": 1}
    rewards = {"ore_red": 0.1, "ore_red_max": 5, "battery_red": 0.9, "battery_red_max": 5}
    assert easy.game.agent.rewards.inventory == {"heart": 1, "heart_max": 1000, **rewards}
    assert _counts(easy) == _counts(simple)
    assert _counts(full) == _counts(simple) | {"lab": 4, "factory": 4, "temple": 4}
    assert full.game.actions == simple.game.actions


def test_diversity() -> None:
    game = worlds.get("diversity/multi_left_or_right").game
    assert game.max_steps == 25
    assert {name: group.group_reward_pct for name, group in game.groups.items()} == {"team_1": 0, "team_2": 0}


@pytest.mark.parametrize(
    ("name", "altars"),
    [("small", (3, 50)), ("varied_terrain_sparse", (1, 5)), ("varied_terrain_maze", (3, 50)), ("sparse", (1, 10))],
)
def test_navigation_training(name: str, altars: tuple[int, int]) -> None:
    world = worlds.get(f"navigation/training/{name}")
    assert world.game.enabled_actions() == ("get_items", "move", "noop", "rotate")
    assert (world.game.max_steps, world.game.num_agents, world.sampling) == (1000, 4, 1)
    altar = _converter(world, "altar")
    assert (altar.initial_resource_count, altar.cooldown) == ((1, 255) if name == "sparse" else (1, 1000))
    counts = [_counts(world, seed) for seed in range(4)]
    assert all(set(count) == {"agent.agent", "altar"} for count in counts)
    assert all(4 * altars[0] <= count["altar"] <= 4 * altars[1] for count in counts)
    assert len({count["altar"] for count in counts}) > 1
    given = worlds.get(f"navigation/training/{name}", objects={"altar": 4})
    assert _counts(given)["altar"] == 16


def _tasks(name: str) -> list[EnvConfig]:
    return [worlds.sample(name, seed) for seed in range(NUM_TASKS)]


def _spread(values: list[float], low: float, high: float) -> bool:
    """Whether all values are in the range, and they reach into its outer eighths."""
    eighth = (high - low) / 8
    return low <= min(values) < low + eighth and high - eighth < max(values) <= high


@pytest.mark.parametrize(
    ("kind", "mine", "generator", "altar", "ore", "battery", "limits"),
    [
        ("mem_balanced", (15, 50), (5, 20), (1, 20), (0.005, 0.05), (0.01, 0.1), (5, 20)),
        ("hard_mem_maze", (15, 50), (30, 70), (1, 20), (0.005, 0.05), (0.01, 0.1), (1, 10)),
        ("sequence_dense", (100, 500), (100, 500), (1, 1), (0.005, 0.1), (0.01, 0.3), (5, 20)),
        ("cylinder_world", (15, 50), (5, 20), (5, 20), (0.005, 0.1), (0.01, 0.5), (1, 2)),
        ("terrain_from_numpy", (15, 50), (5, 20), (5, 20), (0.005, 0.1), (0.01, 0.3), (5, 20)),
    ],
)
def test_sampled_rules_of_the_sequences(kind, mine, generator, altar, ore, battery, limits) -> None:
    name = f"navigation_sequence/experiments/{kind}"
    assert worlds.get(name).game.max_steps == (1000 if kind == "cylinder_world" else 2000)
    tasks = _tasks(name)
    for thing, (low, high) in {"mine_red": mine, "generator_red": generator, "altar": altar}.items():
        cooldowns = [_converter(task, thing).cooldown for task in tasks]
        assert set(cooldowns) == {1} if low == high else _spread(cooldowns, low, high)
    rewards = [task.game.agent.rewards.inventory for task in tasks]
    assert _spread([reward["ore_red"] or 0 for reward in rewards], *ore)
    assert _spread([reward["battery_red"] or 0 for reward in rewards], *battery)
    assert {reward.get("battery_red_max") for reward in rewards} == ({5} if kind == "cylinder_world" else {None})
    assert _spread([task.game.agent.resource_limits["ore_red"] for task in tasks], *limits)
    stocks = {_converter(task, "altar").initial_resource_count for task in tasks}
    assert stocks == ({0} if kind.startswith("sequence") else {0, 1})
    assert {_converter(task, "altar").input_resources["battery_red"] for task in tasks} == {1}


def test_centres_without_a_seed() -> None:
    world = worlds.get("navigation_sequence/experiments/hard_mem_dense")
    assert _converter(world, "generator_red").cooldown == 40
    assert _converter(world, "mine_red").cooldown == 10
    assert world.game.agent.rewards.inventory == {"heart": 1, "ore_red": 0.01, "battery_red": 0.1}
    assert world.game.agent.resource_limits["battery_red"] == 5
    still = worlds.sample("navigation_sequence/experiments/hard_mem_dense", 3, sampling=0.0)
    assert still.game == world.game
    counts = [_counts(still, seed) for seed in range(2)]
    assert counts[0] == counts[1] == {"agent.agent": 4, "mine_red": 8, "generator_red": 8, "altar": 20}


def test_half_of_the_sampling() -> None:
    tasks = [worlds.sample("multiagent/boxy", seed, sampling=0.5) for seed in range(NUM_TASKS)]
    # centre 10, range 5..20: half way from the centre to either end is 7.5..15
    cooldowns = [_converter(task, "altar").cooldown for task in tasks]
    assert _spread(cooldowns, 8, 15)
    assert tasks[0].sampling == 0.5


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_backchains(stage: int) -> None:
    things = ["altar", "generator_red", "mine_red"][:stage]
    name = f"extended_sequence/backchain{stage}"
    assert _counts(worlds.get(name, sampling=0)) == {"agent.agent": 4, **dict.fromkeys(things, 12)}
    drawn = [_counts(worlds.get(name), seed) for seed in range(4)]  # one or two of each in a room
    assert all(set(counts) == {"agent.agent", *things} for counts in drawn)
    assert all(4 <= counts[thing] <= 8 for counts in drawn for thing in things)
    rewards = [task.game.agent.rewards.inventory["ore_green"] or 0 for task in _tasks(name)]
    assert _spread(rewards, 0.005, 0.1)


def _chain(altars: int, mines: int, generators: int) -> dict[str, int]:
    return {"altar": altars, "mine_red": mines, "generator_red": generators}


@pytest.mark.parametrize(
    ("name", "low", "high", "sides"),
    [
        ("boxshare", _chain(7, 7, 8), _chain(14, 14, 16), (40, 60)),
        ("boxy", _chain(12, 45, 45), _chain(12, 45, 45), (54, 104)),
        ("cylinder_world", _chain(15, 15, 15), _chain(25, 25, 25), (54, 104)),
        ("manhatten", _chain(5, 5, 5), _chain(15, 15, 15), (64, 124)),
        ("narrow_world", _chain(20, 20, 20), _chain(60, 60, 60), (50, 100)),
    ],
)
def test_multiagent(name: str, low: dict[str, int], high: dict[str, int], sides: tuple[int, int]) -> None:
    world = worlds.get(f"multiagent/{name}")
    assert (world.game.max_steps, world.sampling) == (1000, 1)
    for seed in range(3):
        counts = _counts(world, seed)
        assert counts.pop("agent.agent") == 32
        assert set(counts) == set(low)
        assert all(low[key] <= counts[key] <= high[key] for key in low)
        assert all(sides[0] <= side <= sides[1] for side in map_of(world, seed).grid.shape)
    tasks = _tasks(f"multiagent/{name}")
    assert _spread([_converter(task, "mine_red").cooldown for task in tasks], 15, 50)
    rewards = world.game.agent.rewards.inventory
    assert rewards == {"heart": 1, "ore_red": 0.01, "ore_red_max": 3, "battery_red": 0.1, "battery_red_max": 5}
    small = worlds.get(f"multiagent/{name}", width=40, height=40, num_agents=4)
    border = 0 if name in ("boxshare", "narrow_world") else 2
    assert map_of(small).grid.shape == (40 + 2 * border, 40 + 2 * border)


def test_multiagent_terrain() -> None:
    world = worlds.get("multiagent/varied_terrain_maze")
    assert (world.game.num_agents, len(world.game.inventory_item_names)) == (32, 10)
    for counts in (_counts(world, seed) for seed in range(3)):
        assert counts["temple"] >= 4
        assert counts["mine_red"] <= 40
    tasks = _tasks("multiagent/varied_terrain_maze")
    assert _spread([_converter(task, "generator_red").cooldown for task in tasks], 5, 50)
    assert _spread([task.game.agent.rewards.inventory["blueprint"] or 0 for task in tasks], 0.005, 0.1)


@pytest.mark.parametrize("name", ["central_table_layout", "confined_room_coord", "two_rooms_coord"])
def test_cooperation(name: str) -> None:
    world = worlds.get(f"cooperation/experimental/{name}")
    counts = _counts(world)
    assert {key: count for key, count in counts.items() if key.startswith("agent")} == {
        f"agent.team_{team}": 2 for team in (1, 2, 3, 4)
    }
    assert {world.game.groups[f"team_{team}"].group_reward_pct for team in (1, 2, 3, 4)} == {0.5}
    limit = 50 if name == "two_rooms_coord" else 1
    assert (world.game.agent.default_resource_limit, world.game.agent.resource_limits["heart"]) == (limit, 255)
    altar = _converter(world, "altar")
    settings = (world.game.max_steps, altar.max_output, altar.cooldown, altar.conversion_ticks)
    assert settings == ((1000, 10, 1, 1) if name == "two_rooms_coord" else (250, 100, 15, 15))
    steps = [worlds.sample(f"cooperation/experimental/{name}", seed, sampling=1.0).game.max_steps for seed in range(40)]
    assert set(steps) == {1000} if name == "two_rooms_coord" else _spread(steps, 100, 500)


def test_every_agent_of_cooperation_reaches_all_that_its_pair_needs() -> None:
    """A mine, a generator and an altar stand next to the cells that one of the two can walk on."""
    for name in (name for name in worlds.list() if name.startswith("cooperation/")):
        grid = map_of(worlds.get(name)).grid
        for team in (1, 2, 3, 4):
            walked = grid == f"agent.team_{team}"
            for _ in range(sum(grid.shape)):
                near = np.zeros_like(walked)
                near[1:-1, 1:-1] = (
                    walked[:-2, 1:-1] | walked[2:, 1:-1] | walked[1:-1, :-2] | walked[1:-1, 2:]
                )  # fmt: skip
                seen = set(grid[near].tolist())
                walked |= near & (grid == "empty")
            assert {"mine_red", "generator_red", "altar"} <= seen
