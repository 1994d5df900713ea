"""The rules that the named worlds share: items, recipes, actions, rewards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from metta_jax.config import GameConfig
from metta_jax.config.resources import ORIGINAL_ITEMS
from metta_jax.worlds import object_types as types

ItemSet: TypeAlias = Literal["classic", "full"]
"""`"classic"`: the original's eight items; without laser and blueprint, so that attacks are free and laseries and labs
yield nothing. `"full"`: all ten, and the rules as documented."""

CLASSIC_ITEMS = ORIGINAL_ITEMS[:8]
ITEMS: dict[ItemSet, tuple[str, ...]] = {"classic": CLASSIC_ITEMS, "full": ORIGINAL_ITEMS}

OBJECT_SETS = {
    "basic": ("altar", "wall", "block"),
    "mines": ("mine_red", "mine_blue", "mine_green"),
    "generators": ("generator_red", "generator_blue", "generator_green"),
    "combat": ("armory", "lasery"),
    "advanced": ("lab", "factory", "temple"),
}
ALL_SETS = tuple(OBJECT_SETS)

SHAPED_REWARDS = {
    "heart": 1, "ore_red": 0.1, "ore_red_max": 1, "battery_red": 0.8, "battery_red_max": 1,
    "laser": 0.5, "laser_max": 1, "armor": 0.5, "armor_max": 1, "blueprint": 0.5, "blueprint_max": 1,
}  # fmt: skip

_ACTIONS = ("noop", "move", "rotate", "put_items", "get_items", "attack", "swap")


def team_groups(num_teams: int, shared: float = 0.5) -> dict[str, dict[str, Any]]:
    """Groups `team_1`, `team_2`, ... with ids 1, 2, ...; each shares so much of its rewards."""
    return {f"team_{team}": {"id": team, "group_reward_pct": shared} for team in range(1, num_teams + 1)}


class Recipe(NamedTuple):
    """What a converter does; `easy` are the inputs of the easy variants."""

    type_id: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    cooldown: int
    color: int = 0
    easy: Mapping[str, int] | None = None


RECIPES = {
    "mine_red": Recipe(types.TYPE_MINE_RED, {}, {"ore_red": 1}, 50, 0),
    "mine_blue": Recipe(types.TYPE_MINE_BLUE, {}, {"ore_blue": 1}, 50, 1),
    "mine_green": Recipe(types.TYPE_MINE_GREEN, {}, {"ore_green": 1}, 50, 2),
    "generator_red": Recipe(types.TYPE_GENERATOR_RED, {"ore_red": 1}, {"battery_red": 1}, 25, 0),
    "generator_blue": Recipe(types.TYPE_GENERATOR_BLUE, {"ore_blue": 1}, {"battery_blue": 1}, 25, 1),
    "generator_green": Recipe(types.TYPE_GENERATOR_GREEN, {"ore_green": 1}, {"battery_green": 1}, 25, 2),
    "altar": Recipe(types.TYPE_ALTAR, {"battery_red": 3}, {"heart": 1}, 10, easy={"battery_red": 1}),
    "armory": Recipe(types.TYPE_ARMORY, {"ore_red": 3}, {"armor": 1}, 10, easy={"ore_red": 1}),
    "lasery": Recipe(types.TYPE_LASERY, {"ore_red": 1, "battery_red": 2}, {"laser": 1}, 10, easy={"ore_red": 1}),
    "lab": Recipe(
        types.TYPE_LAB,
        {"ore_red": 3, "battery_red": 3},
        {"blueprint": 1},
        5,
        easy={"ore_red": 1, "battery_red": 1},
    ),
    "factory": Recipe(
        types.TYPE_FACTORY,
        {"blueprint": 1, "ore_red": 5, "battery_red": 5},
        {"armor": 5, "laser": 5},
        5,
        easy={"blueprint": 1, "ore_red": 1, "battery_red": 1},
    ),
    "temple": Recipe(types.TYPE_TEMPLE, {"heart": 1, "blueprint": 1}, {"heart": 5}, 5),
}


def base_game(
    *,
    num_agents: int,
    object_sets: Iterable[str],
    items: ItemSet,
    easy: Iterable[str] = (),
    rewards: Mapping[str, float] | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    change_color: bool = False,
    max_steps: int = 1000,
    groups: Mapping[str, Mapping[str, Any]] | None = None,
    without: Iterable[str] = (),
    limits: Mapping[str, int] | None = None,
    limit: int = 50,
    freeze_duration: int = 10,
) -> GameConfig:
    """The shared rules as a game.

    Args:
      num_agents: agents on the map.
      object_sets: keys of `OBJECT_SETS`.
      items: which items exist; amounts of others are left out of recipes, costs and rewards.
      easy: objects that take their easy inputs.
      rewards: item rewards; None: 1 for a heart.
      changes: object name -> settings that replace those of its recipe.
      change_color: whether agents may change their color.
      max_steps: length of an episode.
      groups: group name -> its settings; None: all agents are of group `agent`.
      without: actions that are disabled.
      limits: item -> how many of it an agent can hold, for those other than `limit`; a heart's is 255 anyway.
      limit: how many an agent can hold of any other item.
      freeze_duration: steps for which an agent that was hit cannot act.

    Raises:
      ValueError: `items` is not known.
    """
    names = known_items(items)
    easy = set(easy)
    changes = changes or {}
    objects: dict[str, Any] = {}
    for name in (name for key in object_sets for name in OBJECT_SETS[key]):
        objects[name] = _object(name, easy=name in easy, items=names, changes=changes.get(name, {}))
    rewards = {"heart": 1} if rewards is None else rewards
    enabled = {name: {"enabled": name not in set(without)} for name in _ACTIONS}
    return GameConfig.model_validate(
        {
            "inventory_item_names": names,
            "num_agents": num_agents,
            "max_steps": max_steps,
            "obs_width": 11,
            "obs_height": 11,
            "num_observation_tokens": 200,
            "agent": {
                "default_resource_limit": limit,
                "resource_limits": {"heart": 255, **_known(limits or {}, names)},
                "freeze_duration": freeze_duration,
                "rewards": {"inventory": _known(rewards, names)},
            },
            "groups": groups or {"agent": {"id": 0}},
            "actions": {
                **enabled,
                "attack": {
                    **enabled["attack"],
                    "consumed_resources": _known({"laser": 1}, names),
                    "defense_resources": _known({"armor": 1}, names),
                },
                "change_color": {"enabled": change_color},
                "change_glyph": {"enabled": False, "number_of_glyphs": 4},
            },
            "objects": objects,
        }
    )


def known_items(items: ItemSet) -> tuple[str, ...]:
    """The names of an item set; a ValueError if there is no such set."""
    if items not in ITEMS:
        raise ValueError(f"items: {items!r} is not one of {list(ITEMS)}")
    return ITEMS[items]


def _object(name: str, *, easy: bool, items: tuple[str, ...], changes: Mapping[str, Any]) -> dict[str, Any]:
    if name == "wall":
        return {"type_id": types.TYPE_WALL, "swappable": False}
    if name == "block":
        return {"type_id": types.TYPE_BLOCK, "swappable": True}
    recipe = RECIPES[name]
    settings = {
        "type_id": recipe.type_id,
        "input_resources": recipe.easy if easy else recipe.inputs,
        "output_resources": recipe.outputs,
        "max_output": 5,
        "conversion_ticks": 1,
        "cooldown": recipe.cooldown,
        "initial_resource_count": 0,
        "color": recipe.color,
        **changes,
    }
    for key in ("input_resources", "output_resources"):
        settings[key] = _known(settings[key], items)
    return settings


def _known(amounts: Mapping[str, float], items: tuple[str, ...]) -> dict[str, float]:
    """Left out here, on purpose; `known_resources` would do the same with a warning."""
    return {name: amount for name, amount in amounts.items() if name.removesuffix("_max") in items}
