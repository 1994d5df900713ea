"""Random worlds for hypothesis: configurations, maps, actions, orders.

Shapes are static in the engine and numbers are data. So strategies come in two levels: a handful of *families* fixes
every shape, and within a family everything else varies without a new compilation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.families import ALL_ACTIONS, ALL_GLOBAL_TOKENS, Family
from tests.oracle import Oracle
from tests.oracle.purpose import NUM_MOODS, RANDOM_MOOD, follow_moods

NUM_STEPS = 20


@dataclass(frozen=True)
class Scenario:
    """A world and what is done in it: actions int32 [T, A, 2], orders int32 [T, A]."""

    family: Family
    config: dict[str, Any]
    maps: list[list[list[str]]]
    map_index: int
    actions: np.ndarray
    orders: np.ndarray


def runs_forever(recipe: dict[str, Any]) -> bool:
    """True if a converter could restart without end within one step: then every engine hangs.

    With neither ticks nor cooldown it runs until something stops it: an input that runs out, or a full store. Inputs do
    not run out if each comes back at least as fast as it goes; stocks of outputs stop growing at 255.
    """
    if recipe["conversion_ticks"] > 0 or recipe["cooldown"] > 0:
        return False
    inputs = {item: amount for item, amount in recipe["input_resources"].items() if amount > 0}
    outputs = {item: amount for item, amount in recipe["output_resources"].items() if amount > 0}
    if any(outputs.get(item, 0) < amount for item, amount in inputs.items()):
        return False
    growing = sum(amount > inputs.get(item, 0) for item, amount in outputs.items())
    steady = sum(amount for item, amount in inputs.items() if outputs[item] == amount)
    return recipe["max_output"] < 0 or recipe["max_output"] > 255 * growing + steady


@st.composite
def scenarios(draw: st.DrawFn, family: Family, num_steps: int = NUM_STEPS, closed: bool = False) -> Scenario:
    """A world of a family and `num_steps` steps. In a `closed` one no resource is made or used up."""
    config = draw(configs(family, closed=closed))
    maps = [draw(maps_of(family, height, width)) for height, width in family.map_sizes]
    map_index = draw(st.integers(0, len(maps) - 1))
    orders = draw(order_arrays(family.num_agents, num_steps))
    actions = draw(_guided_actions(family, Oracle(config, maps), map_index, orders))
    return Scenario(family, config, maps, map_index, actions, orders)


@st.composite
def configs(draw: st.DrawFn, family: Family, closed: bool = False) -> dict[str, Any]:
    """A valid configuration in the original's form."""
    objects: dict[str, Any] = {
        "wall": {"type_id": 1},
        "block": {"type_id": draw(st.sampled_from([2, 250])), "swappable": True},
    }
    for i in range(family.num_machines):
        objects[f"machine_{i}"] = draw(_machines(family, i, closed))
    return {
        "inventory_item_names": list(family.items),
        "num_agents": family.num_agents,
        "max_steps": draw(st.sampled_from([0, 1, 3, 10, 1000])),
        "episode_truncates": draw(st.booleans()),
        "obs_height": family.window[0],
        "obs_width": family.window[1],
        "num_observation_tokens": family.num_tokens,
        "global_obs": {name: name in family.global_tokens for name in ALL_GLOBAL_TOKENS},
        "agent": draw(_agents(family)),
        "groups": {name: draw(_groups(family, group_id)) for name, group_id in family.group_ids},
        "actions": draw(_actions(family, closed)),
        "objects": objects,
        "resource_reward_cap": family.reward_cap,
    }


@st.composite
def maps_of(draw: st.DrawFn, family: Family, height: int, width: int) -> list[list[str]]:
    """A map with the family's agents, converters and blocks, and some walls."""
    cells = ["empty"] * (height * width)
    places = draw(st.permutations(range(len(cells))))
    things = [f"agent.{group}" for group in family.agents]
    things += [f"machine_{i}" for i in range(family.num_machines)]
    things += ["block"] * family.num_blocks
    things = things[: len(cells)]
    num_walls = draw(st.integers(0, (len(cells) - len(things)) // 2))
    for place, thing in zip(places, things + ["wall"] * num_walls, strict=False):
        cells[place] = thing
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def action_arrays(family: Family, num_steps: int) -> st.SearchStrategy[np.ndarray]:
    """Actions int32 [T, A, 2], a few of them invalid."""
    table = np.array(_action_table(family), np.int32)
    return _integers((num_steps, family.num_agents), len(table)).map(lambda drawn: table[drawn])


def order_arrays(num_agents: int, num_steps: int) -> st.SearchStrategy[np.ndarray]:
    """Orders int32 [T, A]; 0 shrinks to the agents' own order."""
    drawn = st.lists(st.integers(0, math.factorial(num_agents) - 1), min_size=num_steps, max_size=num_steps)
    return drawn.map(lambda numbers: np.array([_permutation(number, num_agents) for number in numbers], np.int32))


@st.composite
def _guided_actions(draw: st.DrawFn, family: Family, oracle: Oracle, map_index: int, orders: np.ndarray) -> np.ndarray:
    """Actions int32 [T, A, 2]: one in four from the table, the others such that something happens."""
    table = np.array(_action_table(family), np.int32)
    # One draw for both choices: drawing is what takes the time.
    drawn = draw(_integers(orders.shape, 4 * len(table)))
    moods = np.where(drawn < len(table), RANDOM_MOOD, drawn % NUM_MOODS)
    return follow_moods(oracle, map_index, moods, table[drawn % len(table)], orders)


def _integers(shape: tuple[int, int], bound: int) -> st.SearchStrategy[np.ndarray]:
    count = shape[0] * shape[1]
    drawn = st.lists(st.integers(0, bound - 1), min_size=count, max_size=count)
    return drawn.map(lambda numbers: np.array(numbers, np.int32).reshape(shape))


def _permutation(number: int, size: int) -> list[int]:
    """The permutation with this number in lexicographic order."""
    left = list(range(size))
    chosen = []
    for remaining in range(size, 0, -1):
        index, number = divmod(number, math.factorial(remaining - 1))
        chosen.append(left.pop(index))
    return chosen


def _action_table(family: Family) -> list[tuple[int, int]]:
    """Pairs to choose from, the interesting ones several times, the invalid ones last (so shrinking avoids them)."""
    arguments = {
        "attack": [0, 1, 2, 8, 0, 1, -1],
        "change_color": [0, 1, 2, 3, -5],
        "change_glyph": [0, 1, 7, 300, -1],
        "get_items": [0, 0, 0, 0, 0, 0, -3],
        "move": [0, 0, 0, 0, 1, 1, -1],
        "noop": [0],
        "put_items": [0, 0, 0, 0, 0, 0, -3],
        "rotate": [0, 1, 2, 3, 0, 1, 2, 3],
        "swap": [0, 0, 0],
    }
    names = sorted(family.actions)
    table = [(kind, argument) for kind, name in enumerate(names) for argument in arguments[name]]
    too_large = [(kind, argument) for kind in range(len(names)) for argument in (9, 2**31 - 1)]
    no_type = [(-1, 0), (len(names), 1), (2**31 - 1, -(2**31)), (-(2**31), 2**31 - 1)]
    rotate_back = [(kind, -1) for kind, name in enumerate(names) if name == "rotate"]
    return [*table, *table, *too_large, *no_type, *rotate_back]


def _amounts(
    family: Family, values: list[int], min_size: int = 0, max_size: int = 2
) -> st.SearchStrategy[dict[str, int]]:
    most = min(max_size, len(family.items))
    return st.dictionaries(st.sampled_from(family.items), st.sampled_from(values), min_size=min_size, max_size=most)


def _weights() -> st.SearchStrategy[float]:
    """Numbers that no float32 holds exactly, so that a different order of operations shows."""
    return st.integers(-3000, 3000).map(lambda thousandths: thousandths / 1000)


@st.composite
def _machines(draw: st.DrawFn, family: Family, index: int, closed: bool) -> dict[str, Any]:
    num_inputs, num_outputs = family.recipe_size
    # The first one sets the size of the recipe tables.
    fixed = index == 0
    recipe = {
        "type_id": 10 + index,
        "input_resources": draw(
            _amounts(family, [1, 2, 1, 3, 200], min_size=num_inputs if fixed else 0, max_size=num_inputs)
        ),
        "output_resources": draw(
            _amounts(family, [1, 3, 2, 1, 200], min_size=num_outputs if fixed else 0, max_size=num_outputs)
        ),
        "max_output": 0 if closed else draw(st.sampled_from([1, 5, 10, 0, -1, 300])),
        "conversion_ticks": draw(st.sampled_from([1, 0, 2, 3])),
        "cooldown": draw(st.sampled_from([1, 0, 2, 5])),
        "initial_resource_count": draw(st.sampled_from([2, 3, 0, 255])),
        "color": draw(st.sampled_from([0, 3, 255])),
        "show_recipe_inputs": family.shows_recipes and (fixed or draw(st.booleans())),
    }
    if runs_forever(recipe):
        recipe["cooldown"] = 1
    return recipe


@st.composite
def _agents(draw: st.DrawFn, family: Family) -> dict[str, Any]:
    return {
        "default_resource_limit": draw(st.sampled_from([50, 255, 50, 3, 0])),
        "resource_limits": draw(_amounts(family, [255, 20, 2, 0])),
        "freeze_duration": draw(st.sampled_from([2, 1, 0, 255])),
        "rewards": draw(_rewards(family)),
        "action_failure_penalty": draw(st.sampled_from([0.0, 0.1, 1.0])),
    }


@st.composite
def _rewards(draw: st.DrawFn, family: Family) -> dict[str, Any]:
    inventory: dict[str, float] = {}
    for item in family.items:
        if draw(st.booleans()):
            inventory[item] = draw(_weights())
            if draw(st.booleans()):
                inventory[f"{item}_max"] = draw(st.sampled_from([1, 2, 0.3, 10, 0]))
    stats: dict[str, float] = {}
    for key in family.stat_rewards:
        stats[key] = draw(_weights())
        if draw(st.booleans()):
            stats[f"{key}_max"] = draw(st.sampled_from([0.25, 1, 100]))
    return {"inventory": inventory, "stats": stats}


@st.composite
def _groups(draw: st.DrawFn, family: Family, group_id: int) -> dict[str, Any]:
    names: dict[str, Callable[[], Any]] = {
        "default_resource_limit": lambda: draw(st.sampled_from([1, 200])),
        "resource_limits": lambda: draw(_amounts(family, [1, 100])),
        "freeze_duration": lambda: draw(st.sampled_from([3, 0])),
        "rewards": lambda: draw(_rewards(family)),
        "action_failure_penalty": lambda: draw(st.sampled_from([0.7, 0.0])),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(names)), max_size=2))
    return {
        "id": group_id,
        "group_reward_pct": draw(st.sampled_from([0.0, 0.5, 1.0, 0.333])),
        "props": {name: names[name]() for name in sorted(chosen)},
    }


@st.composite
def _actions(draw: st.DrawFn, family: Family, closed: bool) -> dict[str, Any]:
    actions: dict[str, Any] = {name: {"enabled": name in family.actions} for name in ALL_ACTIONS}
    actions["change_glyph"]["number_of_glyphs"] = family.num_glyphs
    if family.has_costs:
        for name in family.actions:
            # Most actions cost nothing, or little would happen.
            if draw(st.integers(0, 3)) == 3:
                actions[name] |= draw(_costs(family, closed))
        # At least one does, so that "has costs" holds; an amount of 0 is observable too.
        actions[family.actions[-1]].setdefault("required_resources", {family.items[-1]: 0})
    if "attack" in family.actions and not closed and draw(st.booleans()):
        actions["attack"]["defense_resources"] = draw(_amounts(family, [1, 0, 2]))
    return actions


@st.composite
def _costs(draw: st.DrawFn, family: Family, closed: bool) -> dict[str, Any]:
    consumed = {} if closed else draw(_amounts(family, [1, 0, 2]))
    required = draw(_amounts(family, [1, 0, 2], min_size=0 if consumed else 1))
    required = {item: max(amount, consumed.get(item, 0)) for item, amount in required.items()}
    return {"required_resources": required, "consumed_resources": consumed}
