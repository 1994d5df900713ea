"""What an agent sees: global tokens, then the cells of its window from near to far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.oracle.grid import Grid
from tests.oracle.settings import Settings
from tests.oracle.things import AGENT_LAYER, OBJECT_LAYER, Agent, Converter, Thing

EMPTY = 255
FEATURES = {
    "type_id": 0,
    "agent:group": 1,
    "hp": 2,
    "agent:frozen": 3,
    "agent:orientation": 4,
    "agent:color": 5,
    "converting": 6,
    "swappable": 7,
    "episode_completion_pct": 8,
    "last_action": 9,
    "last_action_arg": 10,
    "last_reward": 11,
    "agent:glyph": 12,
    "resource_rewards": 13,
}
FIRST_ITEM_FEATURE = 14


@dataclass
class Packing:
    written: int
    dropped: int
    free: int


def observe(
    grid: Grid, settings: Settings, agent: Agent, step: int, kind: int, argument: int
) -> tuple[np.ndarray, Packing]:
    """The observation uint8 [num_tokens, 3] of one agent, and how the tokens fitted."""
    tokens = list(_all_tokens(grid, settings, agent, step, kind, argument))
    count = len(tokens)
    observation = np.full((settings.num_tokens, 3), EMPTY, np.uint8)
    kept = tokens[: settings.num_tokens]
    if kept:
        observation[: len(kept)] = kept
    written = min(count, settings.num_tokens)
    return observation, Packing(written, count - written, settings.num_tokens - written)


def object_tokens(thing: Thing) -> list[tuple[int, int]]:
    """(feature, value) of one object."""
    tokens = [(FEATURES["type_id"], thing.type_id)]
    if isinstance(thing, Agent):
        tokens += [
            (FEATURES["agent:group"], thing.group.group_id),
            (FEATURES["agent:frozen"], int(thing.frozen > 0)),
            (FEATURES["agent:orientation"], thing.orientation),
            (FEATURES["agent:color"], thing.color),
        ]
        if thing.glyph != 0:
            tokens.append((FEATURES["agent:glyph"], thing.glyph))
        tokens += [(FIRST_ITEM_FEATURE + item, amount) for item, amount in sorted(thing.inventory.items())]
    elif isinstance(thing, Converter):
        tokens += [(FEATURES["agent:color"], thing.recipe.color), (FEATURES["converting"], int(thing.busy))]
        tokens += [(FIRST_ITEM_FEATURE + item, amount) for item, amount in sorted(thing.inventory.items())]
        if thing.recipe.show_inputs:
            tokens += [(FIRST_ITEM_FEATURE + item, amount) for item, amount in thing.recipe.inputs.items()]
    elif thing.swappable:
        tokens.append((FEATURES["swappable"], 1))
    return tokens


def feature_names(items: tuple[str, ...]) -> dict[int, str]:
    names = {feature: name for name, feature in FEATURES.items()}
    names.update({FIRST_ITEM_FEATURE + i: f"inv:{item}" for i, item in enumerate(items)})
    return names


@cache
def window_offsets(height: int, width: int) -> tuple[tuple[int, int], ...]:
    """Offsets (row, column) from the centre, nearest first by Manhattan distance."""
    half_height, half_width = height // 2, width // 2
    offsets = []
    for distance in range(half_height + half_width + 1):
        for row in range(-distance, distance + 1):
            aside = distance - abs(row)
            for column in (-aside, aside) if aside > 0 else (0,):
                if abs(row) <= half_height and abs(column) <= half_width:
                    offsets.append((row, column))
    return tuple(offsets)


def _all_tokens(
    grid: Grid, settings: Settings, agent: Agent, step: int, kind: int, argument: int
) -> Iterator[tuple[int, int, int]]:
    height, width = settings.window
    centre = (height // 2) << 4 | (width // 2)
    for feature, value in _global_tokens(settings, agent, step, kind, argument):
        yield centre, feature, value
    for row_offset, column_offset in window_offsets(height, width):
        row, column = agent.row + row_offset, agent.column + column_offset
        location = (height // 2 + row_offset) << 4 | (width // 2 + column_offset)
        for layer in (AGENT_LAYER, OBJECT_LAYER):
            thing = grid.at(row, column, layer)
            if thing is not None:
                for feature, value in object_tokens(thing):
                    yield location, feature, value


def _global_tokens(settings: Settings, agent: Agent, step: int, kind: int, argument: int) -> Iterator[tuple[int, int]]:
    enabled = settings.global_tokens
    if enabled["episode_completion_pct"]:
        share = np.float32(0.0)
        if settings.max_steps > 0:
            share = np.float32(np.float32(step) / np.float32(settings.max_steps))
        yield FEATURES["episode_completion_pct"], round_half_away(np.float32(share * np.float32(255.0))) % 256
    if enabled["last_action"]:
        yield FEATURES["last_action"], kind % 256
        yield FEATURES["last_action_arg"], argument % 256
    if enabled["last_reward"]:
        yield FEATURES["last_reward"], round_half_away(np.float32(agent.reward * np.float32(100.0))) % 256
    if enabled["resource_rewards"]:
        bits = 0
        for item, reward in agent.group.agent.rewards.items():
            if item < 8 and reward > 0:
                bits |= 1 << (7 - item)
        yield FEATURES["resource_rewards"], bits


def round_half_away(value: np.float32) -> int:
    whole = int(value)  # toward zero
    if abs(float(value) - whole) >= 0.5:
        whole += 1 if value > 0 else -1
    return whole
