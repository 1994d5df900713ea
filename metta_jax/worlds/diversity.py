"""diversity: agents of two teams who all face the same choice."""

from __future__ import annotations

from metta_jax.config import EnvConfig
from metta_jax.mapgen import MapGen, MultiLeftAndRight
from metta_jax.worlds.base_rules import base_game, team_groups
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_ROWS = _COLUMNS = 8


def diversity_worlds() -> dict[str, World]:
    """diversity/multi_left_or_right."""
    description = "64 equal rooms with one agent each: on which side are more altars?"
    return {"diversity/multi_left_or_right": World(_left_or_right, description, ("items",))}


def _left_or_right(options: WorldOptions) -> EnvConfig:
    game = base_game(
        num_agents=_ROWS * _COLUMNS,
        object_sets=("basic",),
        items=options.items or "classic",
        max_steps=25,
        groups=team_groups(2, shared=0),
        # The original's altars are empty, and nothing can be put into them.
        changes={"altar": {"initial_resource_count": 1}},
    )
    scene = MultiLeftAndRight(rows=_ROWS, columns=_COLUMNS, total_altars=4, altar_ratio=0.75)
    return EnvConfig(game=game, map_builder=MapGen(scene, width=300, height=100, border_width=6))
