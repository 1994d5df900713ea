"""Tasks that compile fast: two agents that each face a mine; three actions without arguments."""

from __future__ import annotations

from typing import Any

from metta_jax.config import EnvConfig
from metta_jax.curriculum import Curriculum, Kind, Known, build_curriculum
from metta_jax.mapgen import FixedMap
from tests.mettagrid.small_world import game

ACTIONS = GET, NOOP, PUT = range(3)


def mines(reward: float, max_steps: int, width: int = 2, **fields: Any) -> EnvConfig:
    """`reward` for each ore, of which a mine makes one a step; maps of `width` columns."""
    rows = (("mine", "mine", *["wall"] * (width - 2)), ("agent.agent", "agent.agent", *["empty"] * (width - 2)))
    values = game(
        max_steps=max_steps,
        agent={"default_resource_limit": 100, "rewards": {"inventory": {"ore": reward}}},
        actions={name: {"enabled": True} for name in ("get_items", "noop", "put_items")},
        **fields,
    )
    return EnvConfig.model_validate({"game": values, "map_builder": FixedMap(rows)})


WORLDS = {"poor": mines(0.0, 3, 4), "rich": mines(0.25, 4), "long": mines(0.125, 7, 3)}


def build(kind: Any, **others: EnvConfig | Kind) -> Curriculum:
    return build_curriculum(kind, Known({**WORLDS, **others}))
