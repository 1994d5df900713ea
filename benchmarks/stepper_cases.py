"""The worlds of the stepper benchmark: the default world's rules on maps of three sizes, without a step limit."""

from typing import Any, NamedTuple

import numpy as np

from metta_jax.config import GameConfig
from metta_jax.mettagrid import MettaGrid

NUM_MAPS = 16
CONVERTERS = ("mine_red", "generator_red", "altar")


class Case(NamedTuple):
    num_agents: int
    height: int
    width: int
    num_converters: int
    num_walls: int  # inside the border
    original: float  # agent-steps of the original engine per branchy step, one core


CASES = {
    "arena24": Case(24, 25, 25, 60, 60, 0.109),
    "small4": Case(4, 32, 32, 60, 60, 0.076),
    "one1": Case(1, 25, 25, 30, 60, 0.047),
}


def make(case: Case) -> MettaGrid:
    """The environment of a case, with the statistics that training keeps."""
    rng = np.random.default_rng(0)
    return MettaGrid(GameConfig.model_validate(game_of(case)), [make_map(case, rng) for _ in range(NUM_MAPS)], "totals")


def make_map(case: Case, rng: np.random.Generator) -> list[list[str]]:
    cells = np.full((case.height, case.width), "empty", dtype=object)
    cells[[0, -1]] = "wall"
    cells[:, [0, -1]] = "wall"
    converters = [CONVERTERS[i % len(CONVERTERS)] for i in range(case.num_converters)]
    things = ["agent.agent"] * case.num_agents + converters + ["wall"] * case.num_walls
    free = rng.permutation(np.argwhere(cells == "empty"))[: len(things)]
    cells[free[:, 0], free[:, 1]] = things
    return cells.tolist()


def game_of(case: Case) -> dict[str, Any]:
    """The configuration of a case."""

    def converter(type_id: int, inputs: dict[str, int], outputs: dict[str, int], color: int = 0) -> dict[str, Any]:
        return {
            "type_id": type_id, "input_resources": inputs, "output_resources": outputs, "max_output": -1,
            "conversion_ticks": 1, "cooldown": 0, "initial_resource_count": 0, "color": color,
        }  # fmt: skip

    actions = ("attack", "get_items", "move", "noop", "put_items", "rotate", "swap")
    rewards = {
        "ore_red": 0.01, "ore_red_max": 10, "battery_red": 0.02, "battery_red_max": 10, "heart": 1, "heart_max": 1000,
    }  # fmt: skip
    return {
        "inventory_item_names": ["ore_red", "battery_red", "heart", "laser", "armor"],
        "num_agents": case.num_agents,
        "max_steps": 0,
        "obs_width": 11,
        "obs_height": 11,
        "num_observation_tokens": 200,
        "agent": {
            "default_resource_limit": 50,
            "resource_limits": {"heart": 255},
            "freeze_duration": 10,
            "rewards": {"inventory": rewards},
        },
        "groups": {"agent": {"id": 0}},
        "actions": {name: {"enabled": True} for name in actions},
        "objects": {
            "wall": {"type_id": 1},
            "mine_red": converter(2, {}, {"ore_red": 1}),
            "generator_red": converter(5, {"ore_red": 1}, {"battery_red": 1}),
            "altar": converter(8, {"battery_red": 3}, {"heart": 1}, color=1),
        },
    }
