"""What happened in a rollout, as plain Python: episodes that ended, and lists of statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np


def unpack_infos(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One dict per episode that ended in a `rollout_step`; [] if none did. Waits for the arrays.

    Keys: env (index of the environment), episode_return (per agent), reward (their mean), episode_length, and, with a
    curriculum, task (its number, an index of `task_names`).

    Args:
        info: done bool [N], episode_return float32 [N, agents], episode_length int32 [N], perhaps task int32 [N].
    """
    host = jax.device_get(dict(info))
    return [
        {
            "env": int(index),
            "episode_return": [float(value) for value in host["episode_return"][index]],
            "reward": float(np.mean(host["episode_return"][index])),
            "episode_length": int(host["episode_length"][index]),
            **({"task": int(host["task"][index])} if "task" in host else {}),
        }
        for index in np.flatnonzero(host["done"])
    ]


def accumulate_rollout_stats(infos: Any, stats: Mapping[str, list[Any]] | None = None) -> dict[str, list[Any]]:
    """`stats` with the values of `infos` appended; neither argument is changed.

    Nested mappings are flattened with "/"; an array or list adds each of its values.

    Args:
        infos: an info of `rollout_step`, a mapping, or a list of either.
        stats: name -> values so far.
    """
    result = {name: list(values) for name, values in (stats or {}).items()}
    for info in _mappings(infos):
        for name, value in _flatten(info):
            result.setdefault(name, []).extend(_values(value))
    return result


def _mappings(infos: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(infos, Mapping):
        if "done" in infos and getattr(infos["done"], "ndim", 0) == 1:
            yield from unpack_infos(infos)
        else:
            yield infos
    elif isinstance(infos, Iterable):
        for info in infos:
            yield from _mappings(info)


def _flatten(info: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in info.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _values(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, (list, tuple, np.ndarray, jax.Array)):
        return [value]
    return np.asarray(value).ravel().tolist()
