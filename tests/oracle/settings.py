"""A game configuration (plain dict, the original's field names) as the numbers that the rules need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# Configuration name -> name in statistics and `action_names`.
REPORTED_NAMES = {"get_items": "get_output", "put_items": "put_recipe_items"}
MAX_ARGUMENTS = {"attack": 8, "change_color": 3, "move": 1, "rotate": 3}


@dataclass(frozen=True)
class ActionSettings:
    """One enabled action. Amounts are keyed by item index."""

    name: str
    reported_name: str
    max_argument: int
    priority: int
    required: dict[int, int]
    consumed: dict[int, int]
    defense: dict[int, int]


@dataclass(frozen=True)
class AgentSettings:
    """What the agents of one group share. Dicts are keyed by item index."""

    limits: tuple[int, ...]
    freeze_duration: int
    penalty: np.float32
    rewards: dict[int, np.float32]
    reward_caps: dict[int, np.float32]
    stat_rewards: tuple[tuple[str, np.float32, np.float32 | None], ...]


@dataclass(frozen=True)
class GroupSettings:
    name: str
    group_id: int
    reward_pct: np.float32
    agent: AgentSettings


@dataclass(frozen=True)
class ObjectSettings:
    """A wall (`recipe` is None) or a converter."""

    name: str
    type_id: int
    swappable: bool
    recipe: Recipe | None


@dataclass(frozen=True)
class Recipe:
    inputs: dict[int, int]
    outputs: dict[int, int]
    max_output: int
    conversion_ticks: int
    cooldown: int
    initial_count: int
    color: int
    show_inputs: bool


@dataclass(frozen=True)
class Settings:
    items: tuple[str, ...]
    num_agents: int
    max_steps: int
    truncates: bool
    window: tuple[int, int]
    num_tokens: int
    actions: tuple[ActionSettings, ...]
    groups: dict[str, GroupSettings]
    objects: dict[str, ObjectSettings]
    global_tokens: dict[str, bool]
    reward_cap: str


def read_settings(config: Mapping[str, Any], resource_reward_cap: str | None = None) -> Settings:
    """Reads a configuration dict; `resource_reward_cap` replaces the configured knob if given."""
    items = tuple(config["inventory_item_names"])
    global_tokens = {
        "episode_completion_pct": True,
        "last_action": True,
        "last_reward": True,
        "resource_rewards": False,
    }
    global_tokens.update(config.get("global_obs") or {})
    return Settings(
        items=items,
        num_agents=config["num_agents"],
        max_steps=config["max_steps"],
        truncates=bool(config.get("episode_truncates", False)),
        window=(config["obs_height"], config["obs_width"]),
        num_tokens=config["num_observation_tokens"],
        actions=_read_actions(config["actions"], items),
        groups={name: _read_group(name, group, config["agent"], items) for name, group in config["groups"].items()},
        objects={name: _read_object(name, entry, items) for name, entry in config["objects"].items()},
        global_tokens=global_tokens,
        reward_cap=resource_reward_cap or config.get("resource_reward_cap", "per_item"),
    )


def _amounts(by_name: Mapping[str, int] | None, items: tuple[str, ...], keep_zero: bool = True) -> dict[int, int]:
    """{item index: amount} in item order; names that are not inventory items are dropped."""
    named = by_name or {}
    return {i: int(named[item]) for i, item in enumerate(items) if item in named and (keep_zero or named[item] != 0)}


def _read_actions(actions: Mapping[str, Any], items: tuple[str, ...]) -> tuple[ActionSettings, ...]:
    """The enabled actions in the alphabetical order of their configuration names."""
    enabled = []
    for name in sorted(actions):
        entry = actions[name]
        if entry is None or not entry["enabled"]:
            continue
        consumed = _amounts(entry.get("consumed_resources"), items)
        # "Not given" and "given, but empty" mean the same: what is consumed is required.
        required = _amounts(entry["required_resources"], items) if entry.get("required_resources") else dict(consumed)
        if any(item in required and amount > required[item] for item, amount in consumed.items()):
            raise ValueError("Required resources must be greater than or equal to consumed resources")
        max_argument = MAX_ARGUMENTS.get(name, 0)
        if name == "change_glyph":
            max_argument = max(entry.get("number_of_glyphs", 0) - 1, 0)
        enabled.append(
            ActionSettings(
                name=name,
                reported_name=REPORTED_NAMES.get(name, name),
                max_argument=max_argument,
                priority=1 if name == "attack" else 0,
                required=required,
                consumed=consumed,
                defense=_amounts(entry.get("defense_resources"), items),
            )
        )
    return tuple(enabled)


def _read_group(name: str, group: Mapping[str, Any], agent: Mapping[str, Any], items: tuple[str, ...]) -> GroupSettings:
    settings = dict(agent)
    for key, value in (group.get("props") or {}).items():
        # The default limit of a group is ignored: the top-level one holds for all.
        if value is not None and key != "default_resource_limit":
            settings[key] = value
    return GroupSettings(
        name=name,
        group_id=group["id"],
        reward_pct=np.float32(group.get("group_reward_pct") or 0.0),
        agent=_read_agent(settings, items),
    )


def _read_agent(settings: Mapping[str, Any], items: tuple[str, ...]) -> AgentSettings:
    limits = settings.get("resource_limits") or {}
    default_limit = settings.get("default_resource_limit", 0)
    rewards = settings.get("rewards") or {}
    inventory = {key: value for key, value in (rewards.get("inventory") or {}).items() if value is not None}
    stats = {key: value for key, value in (rewards.get("stats") or {}).items() if value is not None}
    return AgentSettings(
        limits=tuple(limits.get(item, default_limit) for item in items),
        freeze_duration=settings.get("freeze_duration", 0),
        penalty=np.float32(settings.get("action_failure_penalty", 0.0)),
        rewards={i: np.float32(inventory[item]) for i, item in enumerate(items) if item in inventory},
        reward_caps={
            i: np.float32(inventory[f"{item}_max"]) for i, item in enumerate(items) if f"{item}_max" in inventory
        },
        stat_rewards=tuple(
            (key, np.float32(stats[key]), np.float32(stats[f"{key}_max"]) if f"{key}_max" in stats else None)
            for key in sorted(stats)
            if not key.endswith("_max")
        ),
    )


def _read_object(name: str, entry: Mapping[str, Any], items: tuple[str, ...]) -> ObjectSettings:
    # A wall has these two fields and no others.
    is_wall = set(entry) <= {"type_id", "swappable"}
    recipe = None
    if not is_wall:
        recipe = Recipe(
            inputs=_amounts(entry.get("input_resources"), items, keep_zero=False),
            outputs=_amounts(entry.get("output_resources"), items, keep_zero=False),
            max_output=entry["max_output"],
            conversion_ticks=entry["conversion_ticks"],
            cooldown=entry["cooldown"],
            initial_count=entry["initial_resource_count"],
            color=entry.get("color") or 0,
            show_inputs=bool(entry.get("show_recipe_inputs", False)),
        )
    return ObjectSettings(name, entry.get("type_id", 0), bool(entry.get("swappable", False)), recipe)
