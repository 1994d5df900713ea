"""A map as a list of objects, which is what pictures are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from metta_jax.config import GameConfig
from metta_jax.mapgen import EMPTY, Grid

_AGENT = "agent."


def map_objects(game: GameConfig | None, grid: Grid) -> list[dict[str, Any]]:
    """The objects on a map before the first step, as `MettaGrid.grid_objects` gives them.

    Args:
      game: the rules, which give the ids of groups. None: 0, 1, ... in the order of the names that are on the map.
      grid: str [height, width] of object names.

    Returns:
      `type_name`, `r` and `c` of every object, row by row; of agents also `agent_id`, `group_name` and `agent:group`.
    """
    if game is None:
        names = sorted({name.removeprefix(_AGENT) for row in grid.tolist() for name in row if name.startswith(_AGENT)})
        group_ids = {name: i for i, name in enumerate(names)}
    else:
        group_ids = {name: group.id for name, group in game.groups.items()}
    objects = []
    num_agents = 0
    for row, column in np.argwhere(grid != EMPTY).tolist():
        name: str = grid[row, column]
        thing: dict[str, Any] = {"type_name": name, "r": row, "c": column}
        if name.startswith(_AGENT):
            group = name.removeprefix(_AGENT)
            thing |= {"agent_id": num_agents, "group_name": group, "agent:group": group_ids[group]}
            num_agents += 1
        objects.append(thing)
    return objects
