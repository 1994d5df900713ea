"""Worlds by name: rules and maps. Expected numbers are those of the original's worlds, written out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from metta_jax import worlds
from metta_jax.config import ConverterConfig, WallConfig
from metta_jax.mapgen import Area, build_maps
from metta_jax.worlds.forage4 import Rubble

ARENA = [
    "arena/advanced", "arena/advanced_easy", "arena/advanced_easy_shaped", "arena/advanced_poor",
    "arena/basic", "arena/basic_easy", "arena/basic_easy_shaped", "arena/basic_poor",
    "arena/combat", "arena/combat_easy", "arena/combat_easy_shaped", "arena/combat_poor",
    "arena/tag", "arena/tag_easy", "arena/tag_easy_shaped",
]  # fmt: skip


def _map(name: str, seed: int = 0, **options):
    return build_maps(worlds.get(name, **options).map_builder, seed=seed, num_maps=1)[0]


def _converters(name: str, **options) -> dict[str, ConverterConfig]:
    objects = worlds.get(name, **options).game.objects
    return {key: thing for key, thing in objects.items() if isinstance(thing, ConverterConfig)}


def _counts(name: str, **options) -> Counter[str]:
    return Counter(_map(name, **options).grid.ravel().tolist())


def test_list() -> None:
    names = worlds.list()
    assert list(names) == sorted(set(names))
    assert {*ARENA, "default", "forage", "forage4", "medium", "simple"} <= set(names)


@pytest.mark.parametrize("prefix", ["", "env/mettagrid/", "/env/mettagrid/"])
def test_three_spellings(prefix: str) -> None:
    assert worlds.get(prefix + "arena/basic") == worlds.get("arena/basic")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("arena/basik", r"^worlds: no world 'arena/basik' \(did you mean 'arena/basic'\?\)$"),
        ("/env/mettagrid/mediun", r"^worlds: no world '/env/mettagrid/mediun' \(did you mean 'medium'\?\)$"),
        ("xyz", r"^worlds: no world 'xyz' \(see worlds\.list\(\)\)$"),
    ],
)
def test_unknown_name(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        worlds.get(name)


def test_the_sampling_curriculum_of_simple_is_simple() -> None:
    assert worlds.get("/env/mettagrid/curriculum/simple") == worlds.get("simple")


def test_default_world() -> None:
    world = worlds.get("default")
    assert _map("default").grid.shape == (36, 36)
    assert _counts("default") == {
        "wall": 36 * 36 - 32 * 32 + 5, "agent.agent": 4, "mine_red": 2, "generator_red": 1, "altar": 1, "block": 3,
        "empty": 32 * 32 - 16,
    }  # fmt: skip
    game = world.game
    assert game.inventory_item_names == ("ore_red", "battery_red", "heart", "laser", "armor")
    assert len(game.enabled_actions()) == 8
    assert "change_glyph" not in game.enabled_actions()
    rewards = {"ore_red": 0.01, "battery_red": 0.02, "heart": 1}
    maxima = {"ore_red_max": 10, "battery_red_max": 10, "heart_max": 1000}
    assert game.agent.rewards.inventory == {**rewards, **maxima}
    altar = _converters("default")["altar"]
    assert (altar.type_id, altar.cooldown, altar.max_output, altar.color) == (8, 0, -1, 1)


def test_forage() -> None:
    assert _map("forage").grid.shape == (32, 32)
    assert _counts("forage") == {
        "wall": 32 * 32 - 30 * 30 + 60, "agent.agent": 4, "mine_red": 12, "generator_red": 12, "altar": 30, "block": 25,
        "empty": 30 * 30 - 143,
    }  # fmt: skip
    altar = _converters("forage")["altar"]
    assert (altar.initial_resource_count, altar.cooldown, altar.max_output, altar.color) == (1, 1000, 5, 1)
    default, forage = worlds.get("default").game, worlds.get("forage").game
    assert forage.replace(objects=default.objects) == default, "nothing else differs"


def test_forage4() -> None:
    grid = _map("forage4").grid
    assert grid.shape == (88, 88)
    for top in (9, 47):
        for left in (9, 47):
            room = grid[top : top + 32, left : left + 32]
            counts = Counter(room.ravel().tolist())
            assert (counts["altar"], counts["agent.agent"]) == (30, 1)
            assert 40 <= counts["wall"] < 12 * 16 + 40 + 100
            grid[top : top + 32, left : left + 32] = "wall"
    assert (grid == "wall").all(), "nothing outside the four rooms"
    game = worlds.get("forage4").game
    assert game.enabled_actions() == ("attack", "get_items", "move", "noop", "put_items", "rotate", "swap")
    attack = game.actions.attack
    assert attack is not None
    assert attack.consumed_resources == {"laser": 1}
    assert game.agent.rewards.inventory == {"heart": 1}
    altar = _converters("forage4")["altar"]
    assert (altar.input_resources, altar.output_resources) == ({"battery_red": 3}, {"heart": 1})
    assert (altar.initial_resource_count, altar.cooldown, altar.max_output) == (1, 1000, 5)


def test_rubble_leaves_one_connected_floor() -> None:
    floor = np.full((9, 9), "empty", dtype=object)
    floor[4] = "wall"
    floor[:, 5] = "wall"
    Rubble(rectangles=0, single_walls=0).draw(Area(floor), np.random.default_rng(0))
    expected = np.full((9, 9), "wall", dtype=object)
    expected[:4, :5] = "empty"
    assert (floor == expected).all()


def test_default_world_with_other_sizes() -> None:
    world = worlds.get("default", num_agents=2, width=9, height=7)
    assert world.game.num_agents == 2
    assert _map("default", num_agents=2, width=9, height=7).grid.shape == (11, 13)


@pytest.mark.parametrize(
    ("name", "side", "content"),
    [
        ("simple", 62, {"mine_red": 40, "generator_red": 20, "altar": 20}),
        ("arena/basic", 62, {"mine_red": 40, "generator_red": 20, "altar": 20}),
        ("arena/basic_poor", 62, {"mine_red": 12, "generator_red": 8, "altar": 20}),
        ("arena/combat_easy", 62, {"mine_red": 40, "generator_red": 20, "altar": 20, "lasery": 4, "armory": 4}),
        (
            "arena/advanced_poor",
            62,
            {"mine_red": 12, "generator_red": 8, "altar": 20, "lasery": 4, "armory": 4, "lab": 4, "factory": 4}
            | {"temple": 4},
        ),
        ("arena/tag", 60, {"mine_red": 40, "generator_red": 20, "altar": 8, "lasery": 8, "armory": 8}),
    ],
)
def test_content_of_the_four_rooms(name: str, side: int, content: dict[str, int]) -> None:
    counts = _counts(name)
    inner = 50 * 50
    content = {**content, "agent.agent": 24, "block": 80, "wall": side * side - inner + 80}
    assert counts == {**content, "empty": side * side - sum(content.values())}


def test_medium() -> None:
    grid = _map("medium").grid
    assert grid.shape == (97, 97)
    assert (grid[:6] == "wall").all()
    assert (grid[46:51] == "wall").all(), "walls between the four places"
    for top in (6, 51):
        for left in (6, 51):
            place = grid[top : top + 40, left : left + 40]
            counts = Counter(place.ravel().tolist())
            assert {name: counts[name] for name in ("mine_red", "generator_red", "altar", "armory", "lasery")} == {
                "mine_red": 8,
                "generator_red": 4,
                "altar": 3,
                "armory": 1,
                "lasery": 1,
            }
            assert (counts["block"], counts["agent.agent"]) == (12, 6)
            # Four rooms of 19 x 19, three doors at least, 24 walls inside.
            assert place.size - 4 * 19 * 19 + 24 - 12 <= counts["wall"] <= place.size - 4 * 19 * 19 + 24 - 3


def test_items_classic_and_full() -> None:
    classic, full = worlds.get("arena/advanced"), worlds.get("arena/advanced", items="full")
    assert len(classic.game.inventory_item_names) == 8
    assert full.game.inventory_item_names == (*classic.game.inventory_item_names, "laser", "blueprint")
    attack = classic.game.actions.attack
    assert attack is not None
    assert attack.consumed_resources == {}, "without lasers attacks are free"
    attack = full.game.actions.attack
    assert attack is not None
    assert attack.consumed_resources == {"laser": 1}
    assert _converters("arena/advanced")["lasery"].output_resources == {}
    assert _converters("arena/advanced", items="full")["factory"].input_resources == {
        "blueprint": 1,
        "ore_red": 5,
        "battery_red": 5,
    }
    assert len(worlds.get("simple").game.inventory_item_names) == 10
    assert len(worlds.get("simple", items="classic").game.inventory_item_names) == 8


def test_recipes() -> None:
    converters = _converters("arena/advanced", items="full")
    shown = {
        name: (thing.type_id, dict(thing.input_resources), dict(thing.output_resources), thing.cooldown, thing.color)
        for name, thing in converters.items()
    }
    assert shown == {
        "altar": (8, {"battery_red": 3}, {"heart": 1}, 10, 0),
        "mine_red": (2, {}, {"ore_red": 1}, 50, 0),
        "mine_blue": (3, {}, {"ore_blue": 1}, 50, 1),
        "mine_green": (4, {}, {"ore_green": 1}, 50, 2),
        "generator_red": (5, {"ore_red": 1}, {"battery_red": 1}, 25, 0),
        "generator_blue": (6, {"ore_blue": 1}, {"battery_blue": 1}, 25, 1),
        "generator_green": (7, {"ore_green": 1}, {"battery_green": 1}, 25, 2),
        "armory": (9, {"ore_red": 3}, {"armor": 1}, 10, 0),
        "lasery": (10, {"ore_red": 1, "battery_red": 2}, {"laser": 1}, 10, 0),
        "lab": (11, {"ore_red": 3, "battery_red": 3}, {"blueprint": 1}, 5, 0),
        "factory": (12, {"blueprint": 1, "ore_red": 5, "battery_red": 5}, {"armor": 5, "laser": 5}, 5, 0),
        "temple": (13, {"heart": 1, "blueprint": 1}, {"heart": 5}, 5, 0),
    }
    assert {(c.max_output, c.conversion_ticks, c.initial_resource_count) for c in converters.values()} == {(5, 1, 0)}
    objects = worlds.get("arena/advanced").game.objects
    assert objects["wall"] == WallConfig(type_id=1, swappable=False)
    assert objects["block"] == WallConfig(type_id=14, swappable=True)


@pytest.mark.parametrize(
    ("name", "easy"),
    [
        ("basic", {"altar": {"battery_red": 1}}),
        ("combat", {"armory": {"ore_red": 1}, "lasery": {"ore_red": 1}}),
        (
            "advanced",
            {
                "lab": {"ore_red": 1, "battery_red": 1},
                "factory": {"blueprint": 1, "ore_red": 1, "battery_red": 1},
            },
        ),
        ("tag", {}),
    ],
)
@pytest.mark.parametrize("suffix", ["_easy", "_easy_shaped"])
def test_easy_recipes(name: str, easy: dict[str, dict[str, int]], suffix: str) -> None:
    hard = _converters(f"arena/{name}", items="full")
    objects = _converters(f"arena/{name}{suffix}", items="full")
    changed = {
        key: dict(thing.input_resources)
        for key, thing in objects.items()
        if thing.input_resources != hard[key].input_resources
    }
    assert changed == easy


def test_tag() -> None:
    altar = _converters("arena/tag", items="full")["altar"]
    assert altar.input_resources == {"battery_red": 3, "blueprint": 1}
    assert (altar.cooldown, altar.initial_resource_count) == (1, 1)
    assert _converters("arena/tag")["altar"].input_resources == {"battery_red": 3}
    assert _converters("arena/tag")["lasery"].initial_resource_count == 0
    assert _converters("arena/tag_easy")["lasery"].initial_resource_count == 1


def test_shaped_rewards() -> None:
    assert worlds.get("arena/basic_easy").game.agent.rewards.inventory == {"heart": 1}
    shaped = {"ore_red": 0.1, "battery_red": 0.8, "armor": 0.5, "laser": 0.5, "blueprint": 0.5}
    expected = {"heart": 1, **shaped, **{f"{name}_max": 1 for name in shaped}}
    assert worlds.get("arena/tag_easy_shaped", items="full").game.agent.rewards.inventory == expected


def test_overrides_of_rooms_and_objects() -> None:
    world = worlds.get("arena/combat", num_rooms=12, num_agents=24, objects={"altar": 7})
    counts = _counts("arena/combat", num_rooms=12, num_agents=24, objects={"altar": 7})
    assert (world.game.num_agents, counts["agent.agent"], counts["altar"], counts["mine_red"]) == (24, 24, 84, 120)


def test_what_can_be_drawn_as_a_picture() -> None:
    world = worlds.get("bases")
    grid = _map("bases").grid
    objects = worlds.map_objects(world.game, grid)
    assert len(objects) == (grid != "empty").sum()
    assert all(grid[thing["r"], thing["c"]] == thing["type_name"] for thing in objects)
    agents = [thing for thing in objects if "agent_id" in thing]
    assert [agent["agent_id"] for agent in agents] == list(range(24))
    assert {(agent["group_name"], agent["agent:group"]) for agent in agents} == {
        (f"team_{team}", team) for team in (1, 2, 3, 4)
    }


def test_short_names_and_descriptions() -> None:
    assert worlds.short_name("/env/mettagrid/curriculum/all") == "curriculum/all"
    assert worlds.describe("/env/mettagrid/arena/basic") == "Four open rooms with mines, generators and altars."
    with pytest.raises(ValueError, match="no world 'nowhere'"):
        worlds.describe("nowhere")


def test_overrides_of_worlds_with_four_rooms() -> None:
    assert worlds.get("arena/basic", num_agents=8).game.num_agents == 8
    assert _counts("arena/basic", num_agents=8)["agent.agent"] == 8
    assert _map("simple", width=30, height=20).grid.shape == (52, 72)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("simple", {"num_agents": 10}, "^num_agents: 10 is not a multiple of 4"),
        ("simple", {"width": 0}, "^width: 0 is not at least 1"),
        ("simple", {"items": "half"}, r"^items: 'half' is not one of \['classic', 'full'\]"),
        ("simple", {"objects": {"temple": 1}}, "^objects.temple: this world scatters only mine_red, generator_red, "),
        ("simple", {"objects": {"altar": -1}}, "^objects.altar: -1 is negative"),
        (
            "simple",
            {"num_rooms": 2},
            "^num_rooms: 2 cannot be chosen: only num_agents, width, height, items, objects can",
        ),
        ("arena/basic", {"sampling": 2.0}, r"^sampling: 2.0 is not in 0\.\.1"),
        ("arena/basic", {"seed": -1}, "^seed: -1 is negative"),
        ("default", {"items": "full"}, "^items: 'full' cannot be chosen"),
        ("forage", {"items": "full"}, "^items: 'full' cannot be chosen"),
    ],
)
def test_bad_options(name: str, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        worlds.get(name, **options)
