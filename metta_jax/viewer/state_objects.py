"""The objects on the grid, of an environment's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from metta_jax.mettagrid import BatchEnv, EnvParams, MettaGrid, VectorEnv


def is_agent(thing: Mapping[str, Any]) -> bool:
    """Whether an object is an agent."""
    return "agent_id" in thing or str(thing.get("type_name", "")).split(".")[0] == "agent"


def state_objects(
    env: MettaGrid | VectorEnv | BatchEnv, state: Any, params: EnvParams | None = None, *, index: int = 0
) -> tuple[list[dict[str, Any]], tuple[int, int]]:
    """The objects of a state, and the width and height of its map.

    Args:
      env: a `MettaGrid`, `VectorEnv` or `Environment`.
      state: a state of it.
      params: what it was made with; None: the environment's own.
      index: which environment, if the state is one of a batch.

    Raises:
      ValueError: the batch has no such environment.
    """
    grid: Any = getattr(env, "mettagrid", None) or getattr(env, "env", env)
    own: Any = params if params is not None else getattr(env, "params", grid.params)
    own, state = jax.device_get((own, getattr(state, "env", state)))
    num_envs = state.step.shape[0] if state.step.ndim else 1
    if not 0 <= index < num_envs:
        raise ValueError(f"index: {index} is not in 0..{num_envs - 1}")
    if state.step.ndim:
        # Keys are of no use to a picture, and may be of a type that cannot be indexed on the host.
        state = jax.tree.map(lambda leaf: leaf[index], state.replace(key=()))
    if own.rules.max_steps.ndim:
        own = own.replace(rules=jax.tree.map(lambda leaf: leaf[index], own.rules))
    objects = list(grid.grid_objects(own, state).values())
    maps = own.maps
    return objects, (int(maps.width[state.map_index]), int(maps.height[state.map_index]))
