"""A recorded run: one episode (or a part of one) of the original engine, in an `.npz` file.

T steps, A agents, M observation tokens, C converters, I items.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_ARRAYS = {
    "actions": ("TA2", "int32"),
    "orders": ("TA", "int32"),
    "initial_obs": ("AM3", "uint8"),
    "obs": ("TAM3", "uint8"),
    "rewards": ("TA", "float32"),
    "episode_rewards_t": ("TA", "float32"),
    "terminals": ("TA", "bool"),
    "truncations": ("TA", "bool"),
    "action_success": ("TA", "bool"),
}
_TEXTS = ("config_json", "map_json", "stats_json", "initial_grid_objects_json", "grid_objects_json")
_TRACKS = ("agent_state", "agent_inv", "conv_state", "conv_inv")


@dataclass(frozen=True)
class RecordedRun:
    """What went in and what came out.

    Attributes:
      name: the file's name.
      config: the game configuration as a plain dict.
      rows: the map, rows of object names.
      seed: the original's seed, which `orders` follow from.
      actions: int32 [T, A, 2].
      orders: int32 [T, A], the agents in the order in which they acted.
      initial_observation: uint8 [A, M, 3].
      observation: uint8 [T, A, M, 3], after each step.
      reward: float32 [T, A], after statistic rewards and sharing.
      episode_return: float32 [T, A], running sums before sharing.
      terminated, truncated, action_success: bool [T, A].
      initial_grid_objects, grid_objects: {id: {...}} before the first and after the last step.
      stats: {"game": {...}, "agent": [{...}], "converter": [{...}]} after the last step.
      tracks: states row by row, row 0 before the first step; those of agent_state int16 [T+1, A, 7] (row, column,
        orientation, frozen, color, glyph, group), agent_inv int16 [T+1, A, I] (-1: no entry), conv_state uint8
        [T+1, C] (busy) and conv_inv int16 [T+1, C, I] that were recorded.
      meta: what else is known, for example `initial_grid_hash`.
    """

    name: str
    config: dict[str, Any]
    rows: list[list[str]]
    seed: int
    actions: np.ndarray
    orders: np.ndarray
    initial_observation: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    episode_return: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    action_success: np.ndarray
    initial_grid_objects: dict[int, dict[str, Any]]
    grid_objects: dict[int, dict[str, Any]]
    stats: dict[str, Any]
    tracks: dict[str, np.ndarray]
    meta: dict[str, Any]

    @property
    def num_steps(self) -> int:
        return self.actions.shape[0]

    @property
    def num_agents(self) -> int:
        return self.actions.shape[1]


def load_run(path: str | Path) -> RecordedRun:
    """Read a recorded run.

    Raises:
      ValueError: if the file is missing, cannot be read, or lacks a member; the message names the file and the reason.
    """
    path = Path(path)
    try:
        # NumPy leaves a file open that it cannot read, so it gets one that we close.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it holds one array")
            members = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    # No archive, cut short, or pickled: each shows as another exception.
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a recorded run (.npz): {error}") from error

    missing = [name for name in (*_ARRAYS, *_TEXTS) if name not in members]
    if missing:
        raise ValueError(f"{path}: not a recorded run, it lacks {', '.join(missing)}")
    _check_arrays(path, members)
    texts = {name: _parse(path, name, members[name]) for name in _TEXTS}
    return RecordedRun(
        name=path.name,
        config=texts["config_json"],
        rows=texts["map_json"],
        seed=int(members["seed"]) if "seed" in members else 0,
        actions=members["actions"],
        orders=members["orders"],
        initial_observation=members["initial_obs"],
        observation=members["obs"],
        reward=members["rewards"],
        episode_return=members["episode_rewards_t"],
        terminated=members["terminals"],
        truncated=members["truncations"],
        action_success=members["action_success"],
        initial_grid_objects=_with_int_keys(texts["initial_grid_objects_json"]),
        grid_objects=_with_int_keys(texts["grid_objects_json"]),
        stats=texts["stats_json"],
        tracks={name: members[name] for name in _TRACKS if name in members},
        meta=_parse(path, "meta_json", members["meta_json"]) if "meta_json" in members else {},
    )


def _check_arrays(path: Path, members: dict[str, np.ndarray]) -> None:
    """Every letter of the layouts stands for one size throughout the file."""
    sizes = {"2": 2, "3": 3}
    for name, (layout, dtype) in _ARRAYS.items():
        array = members[name]
        if array.dtype != dtype:
            raise ValueError(f"{path}: {name}: dtype {array.dtype} is not {dtype}")
        matches = array.ndim == len(layout) and all(
            sizes.setdefault(letter, size) == size for letter, size in zip(layout, array.shape, strict=True)
        )
        if not matches:
            raise ValueError(f"{path}: {name}: shape {array.shape} does not fit [{', '.join(layout)}] with {sizes}")


def _parse(path: Path, name: str, text: np.ndarray) -> Any:
    try:
        return json.loads(str(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: {name}: {error}") from error


def _with_int_keys(objects: dict[str, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """JSON turned the ids and the inventories' item indices into text."""
    result = {}
    for object_id, view in objects.items():
        view = dict(view)
        if "inventory" in view:
            view["inventory"] = {int(item): amount for item, amount in view["inventory"].items()}
        result[int(object_id)] = view
    return result
