"""A world that compiles fast: two agents, one mine, four actions."""

from __future__ import annotations

from typing import Any

from metta_jax.config import GameConfig

# Indices of the actions in alphabetical order.
GET, MOVE, NOOP, ROTATE = range(4)
UP, DOWN, LEFT, RIGHT = range(4)

MAP = [
    ["wall", "wall", "wall", "wall", "wall"],
    ["wall", "agent.agent", "empty", "agent.agent", "wall"],
    ["wall", "mine", ".", " ", "wall"],
]


def game(**changes: Any) -> dict[str, Any]:
    """A configuration; `changes` replace top-level fields."""
    config: dict[str, Any] = {
        "inventory_item_names": ["ore"],
        "num_agents": 2,
        "max_steps": 4,
        "obs_height": 3,
        "obs_width": 3,
        "num_observation_tokens": 24,
        "agent": {"default_resource_limit": 10, "rewards": {"inventory": {"ore": 0.5}}},
        "groups": {"agent": {"id": 0}},
        "actions": {name: {"enabled": True} for name in ("get_items", "move", "noop", "rotate")},
        "objects": {
            "wall": {"type_id": 1},
            "mine": {
                "type_id": 2,
                "output_resources": {"ore": 1},
                "max_output": 1,
                "conversion_ticks": 1,
                "cooldown": 0,
                "initial_resource_count": 1,
            },
        },
    }
    return config | changes


def game_config(**changes: Any) -> GameConfig:
    return GameConfig.model_validate(game(**changes))
