"""Actions that lead somewhere. Random ones rarely pick anything up, and most rules only show with full pockets."""

from __future__ import annotations

import numpy as np

from tests.oracle.engine import Oracle, World
from tests.oracle.grid import DOWN, LEFT, RIGHT, UP
from tests.oracle.things import AGENT_LAYER, OBJECT_LAYER, Agent, Converter

NUM_MOODS = 6
RANDOM_MOOD = -1


def follow_moods(
    oracle: Oracle, map_index: int, moods: np.ndarray, others: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """Plays an episode and returns its actions, int32 [T, A, 2].

    Args:
      oracle: the world.
      map_index: the map.
      moods: [T, A] in 0..NUM_MOODS-1, or RANDOM_MOOD for the action from `others`.
      others: int32 [T, A, 2].
      orders: int32 [T, A].
    """
    actions = others.copy()
    world, _ = oracle.reset(map_index=map_index)
    names = [action.name for action in oracle.settings.actions]
    for step, order in enumerate(orders):
        for agent in world.agents:
            mood = int(moods[step, agent.agent_id])
            if mood == RANDOM_MOOD:
                continue
            name, argument = _purposeful(world, agent, mood)
            if name in names:
                actions[step, agent.agent_id] = names.index(name), argument
        world, _ = oracle.step(None, world, actions[step], order)
    return actions


def _purposeful(world: World, agent: Agent, mood: int) -> tuple[str, int]:
    row, column = world.grid.relative(agent, agent.orientation, forward=1)
    ahead = world.grid.at(row, column, OBJECT_LAYER) or world.grid.at(row, column, AGENT_LAYER)
    if isinstance(ahead, Converter):
        full_handed = any(item in agent.inventory for item in ahead.recipe.inputs)
        return ("put_items" if full_handed and mood % 2 else "get_items"), 0
    if isinstance(ahead, Agent):
        return ("swap" if ahead.frozen and mood % 2 else "attack"), 0
    if ahead is not None and ahead.swappable and mood % 2:
        return "swap", 0
    goals = world.converters if mood < 4 else [other for other in world.agents if other is not agent]
    if not goals:
        return "move", 0
    goal = min(goals, key=lambda thing: abs(thing.row - agent.row) + abs(thing.column - agent.column))
    down, right = goal.row - agent.row, goal.column - agent.column
    if abs(down) >= abs(right):
        facing = DOWN if down > 0 else UP
    else:
        facing = RIGHT if right > 0 else LEFT
    return ("move", 0) if agent.orientation == facing else ("rotate", facing)
