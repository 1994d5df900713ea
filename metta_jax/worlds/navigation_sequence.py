"""navigation_sequence/evals: the drawn maps of navigation with a mine, a generator and an altar, to be used in turn."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from metta_jax.config import EnvConfig
from metta_jax.worlds.base_rules import base_game
from metta_jax.worlds.drawn import drawn_map
from metta_jax.worlds.navigation import DRAWN
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World


class _Eval(NamedTuple):
    steps: int
    border_width: int = 1


_EVALS = {
    "corridors": _Eval(400),
    "cylinder": _Eval(800, 10),
    "cylinder_easy": _Eval(200, 5),
    "honeypot": _Eval(300),
    "knotty": _Eval(500),
    "memory_palace": _Eval(200),
    "obstacles0": _Eval(150),
    "obstacles1": _Eval(300),
    "obstacles2": _Eval(350),
    "obstacles3": _Eval(300),
    "radial_large": _Eval(1000),
    "radial_mini": _Eval(150),
    "radial_small": _Eval(120),
    "swirls": _Eval(350),
    "thecube": _Eval(350),
    "walkaround": _Eval(350),
}


def navigation_sequence_worlds() -> dict[str, World]:
    """The 16 worlds of navigation_sequence/evals."""
    return {
        f"navigation_sequence/evals/{name}": World(
            partial(_eval, name, item), f"Mine, generator and altar, in this order, {DRAWN[name].place}.", ("items",)
        )
        for name, item in _EVALS.items()
    }


def _eval(name: str, item: _Eval, options: WorldOptions) -> EnvConfig:
    game = base_game(
        num_agents=1,
        object_sets=("basic", "mines", "generators"),
        items=options.items or "classic",
        max_steps=item.steps,
        easy=("altar",),
        limit=100,
        freeze_duration=0,
        changes={
            "mine_red": {"cooldown": 1, "initial_resource_count": 1, "max_output": 1},
            "generator_red": {"output_resources": {"battery_red": 3}, "cooldown": 10, "max_output": 3},
            "altar": {"cooldown": 255, "max_output": 1},
        },
    )
    contents = ("mine_red", "generator_red", "altar")
    return EnvConfig(game=game, map_builder=drawn_map(f"navigation/{name}", item.border_width, contents))
