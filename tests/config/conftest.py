"""A small game as plain Python values, and ways to change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

GameMaker = Callable[..., dict[str, Any]]


@pytest.fixture
def make_game() -> GameMaker:
    """Makes a fresh game; `changes` maps paths like "agent/rewards" to values, `...` removes a key."""

    def make(changes: dict[str, Any] | None = None) -> dict[str, Any]:
        game: dict[str, Any] = {
            "inventory_item_names": ["ore", "battery", "heart"],
            "num_agents": 2,
            "max_steps": 100,
            "obs_width": 5,
            "obs_height": 7,
            "num_observation_tokens": 50,
            "agent": {
                "default_resource_limit": 10,
                "resource_limits": {"heart": 255},
                "freeze_duration": 6,
                "rewards": {"inventory": {"heart": 1, "ore": 0.1, "ore_max": 5}, "stats": {"action.move.success": 0.5}},
            },
            "groups": {"red": {"id": 0, "sprite": 0}, "blue": {"id": 1, "group_reward_pct": 0.5, "props": {}}},
            "actions": {
                "noop": {"enabled": True},
                "move": {"enabled": True},
                "attack": {"enabled": True, "consumed_resources": {"ore": 1}, "defense_resources": {"battery": 2}},
                "swap": {"enabled": False},
                "change_glyph": {"enabled": True, "number_of_glyphs": 4},
            },
            "objects": {
                "wall": {"type_id": 1},
                "block": {"type_id": 14, "swappable": True},
                "mine": _converter(2, outputs={"ore": 1}),
                "altar": _converter(8, inputs={"battery": 3}, outputs={"heart": 1}),
            },
        }
        for path, value in (changes or {}).items():
            *parents, last = path.split("/")
            place = game
            for name in parents:
                place = place.setdefault(name, {})
            if value is ...:
                del place[last]
            else:
                place[last] = value
        return game

    return make


def _converter(type_id: int, inputs: dict[str, int] | None = None, outputs: dict[str, int] | None = None) -> dict:
    return {
        "type_id": type_id,
        "input_resources": inputs or {},
        "output_resources": outputs or {},
        "max_output": 5,
        "conversion_ticks": 1,
        "cooldown": 10,
        "initial_resource_count": 0,
    }
