"""What a training state needs from its environment in addition to arrays of the same shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

_NUMBERS = ("num_envs", "num_agents", "num_observation_tokens", "obs_height", "obs_width", "map_height", "map_width")
_NAMES = ("action_names", "max_action_args", "inventory_item_names", "object_type_names", "task_names")


def environment_facts(env: Any) -> dict[str, Any]:
    """The facts that the environment provides, as JSON values.

    Its sizes and names, `features` ({name: id}), `num_maps`, and `maps`, a checksum of them. What may change in the
    middle of a run is left out: rewards, costs, limits.
    """
    facts: dict[str, Any] = {name: int(getattr(env, name)) for name in _NUMBERS if hasattr(env, name)}
    facts |= {name: list(getattr(env, name)) for name in _NAMES if hasattr(env, name)}
    if hasattr(env, "get_observation_features"):
        facts["features"] = {name: int(feature["id"]) for name, feature in env.get_observation_features().items()}
    maps = _maps(env)
    if maps:
        facts |= {"num_maps": len(maps[0]), "maps": _checksum(maps)}
    return facts


def check_environment(stored: Mapping[str, Any], env: Any) -> None:
    """Raise a ValueError that names the first fact in which `env` differs from the environment of a stored state.

    Additional maps are fine if the stored ones come first. Facts that were not stored are not checked.
    """
    now = environment_facts(env)
    maps = _maps(env)
    had = stored.get("num_maps")
    if maps and isinstance(had, int) and had < now["num_maps"] and len(now.get("task_names", [])) < 2:
        now |= {"num_maps": had, "maps": _checksum([rows[:had] for rows in maps])}
    for name, value in now.items():
        if name not in stored or stored[name] == value:
            continue
        if name == "maps":
            raise ValueError("maps: the training state was made with different maps than this environment has")
        raise ValueError(f"{name}: the training state was made with {_shown(stored[name])}, this is {_shown(value)}")


def _maps(env: Any) -> list[np.ndarray]:
    """The arrays of all maps, each with one row per map."""
    maps = getattr(getattr(env, "params", None), "maps", None)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(maps)]


def _checksum(maps: list[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in maps:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:297]}..."
