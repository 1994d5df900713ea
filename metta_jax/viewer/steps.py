"""The objects of one step: of a replay, or of an environment's state."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import jax

# A compressed file of a few kilobytes may claim to be terabytes.
MAX_TEXT_BYTES = 1 << 29


def is_agent(thing: Mapping[str, Any]) -> bool:
    """Whether an object is an agent."""
    return "agent_id" in thing or str(thing.get("type_name", "")).split(".")[0] == "agent"


def read_replay(source: str | PathLike[str] | bytes) -> dict[str, Any]:
    """Reads a replay of format 1, compressed or plain.

    Raises:
      ValueError: it is damaged, or not of format 1.
      OSError: the file cannot be read.
    """
    data, name = (source, "replay") if isinstance(source, bytes) else (Path(source).read_bytes(), str(source))
    if not data.lstrip()[:1] == b"{":
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(data, MAX_TEXT_BYTES)
        except zlib.error as error:
            raise ValueError(f"{name}: damaged, or not a replay ({error})") from None
        if not inflater.eof:
            raise ValueError(f"{name}: cut off, or larger than {MAX_TEXT_BYTES} bytes")
    try:
        replay = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: damaged: its content is not JSON ({error})") from None
    if not isinstance(replay, dict) or replay.get("version") != 1:
        version = replay.get("version") if isinstance(replay, dict) else None
        raise ValueError(f"{name}: version {version!r} is not 1, the version that is known")
    return replay


def objects_at(replay: Mapping[str, Any], step: int) -> list[dict[str, Any]]:
    """The objects of a step, each {name: plain value}.

    Raises:
      ValueError: the replay has no such step.
    """
    if not 0 <= step < num_steps(replay):
        raise ValueError(f"step: {step} is not in 0..{num_steps(replay) - 1}")
    return [{name: value_at(value, step) for name, value in thing.items()} for thing in replay["grid_objects"]]


def map_size(replay: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height in cells."""
    width, height = replay["map_size"]
    return int(width), int(height)


def num_steps(replay: Mapping[str, Any]) -> int:
    return int(replay["max_steps"])


def value_at(value: Any, step: int) -> Any:
    """What a field of an object is at a step: `[[step, value], ...]` holds changes, all else is constant."""
    if not (isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 for pair in value)):
        return value
    found = value[0][1]
    for start, later in value:
        if start > step:
            break
        found = later
    return found


def state_objects(
    env: Any, state: Any, params: Any = None, *, index: int = 0
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
    grid = getattr(env, "mettagrid", None) or getattr(env, "env", env)
    params = jax.device_get(params if params is not None else getattr(env, "params", grid.params))
    state = jax.device_get(getattr(state, "env", state))
    num_envs = state.step.shape[0] if state.step.ndim else 1
    if not 0 <= index < num_envs:
        raise ValueError(f"index: {index} is not in 0..{num_envs - 1}")
    if state.step.ndim:
        # Keys are of no use to a picture, and may be of a type that cannot be indexed on the host.
        state = jax.tree.map(lambda leaf: leaf[index], state.replace(key=()))
    if params.rules.max_steps.ndim:
        params = params.replace(rules=jax.tree.map(lambda leaf: leaf[index], params.rules))
    objects = list(grid.grid_objects(params, state).values())
    maps = params.maps
    return objects, (int(maps.width[state.map_index]), int(maps.height[state.map_index]))
