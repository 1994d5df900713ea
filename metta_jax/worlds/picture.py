"""A map as a list of objects, which is what pictures are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from metta_jax.config import GameConfig
from metta_jax.mapgen import EMPTY, Grid

_AGENT = "agent."


def map_objects(game: GameConfig, grid: Grid) -> list[dict[str, Any]]:
    """The objects on a map that nobody has played on yet, as `MettaGrid.grid_objects` tells of them.

    Args:
      game: the rules; tells the ids of groups.
      grid: str [height, width] of object names.

    Returns:
      `type_name`, `r` and `c` of every object, row by row; of agents also `agent_id`, `group_name` and `agent:group`.
    """
    objects = []
    num_agents = 0
    for row, column in np.argwhere(grid != EMPTY).tolist():
        name: str = grid[row, column]
        thing: dict[str, Any] = {"type_name": name, "r": row, "c": column}
        if name.startswith(_AGENT):
            group = name.removeprefix(_AGENT)
            thing |= {"agent_id": num_agents, "group_name": group, "agent:group": game.groups[group].id}
            num_agents += 1
        objects.append(thing)
    return objects
