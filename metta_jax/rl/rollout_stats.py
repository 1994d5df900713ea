"""What happened in a rollout, as plain Python: episodes that ended, and lists of statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from metta_jax.rl.train_state import EpisodeTotals

Infos: TypeAlias = Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""An info of `rollout_step`, a mapping of statistics, or several of either."""


def unpack_infos(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One dict per episode that ended in a `rollout_step`; [] if none did. Waits for the arrays.

    Keys: env (index of the environment), episode_return (per agent), reward (their mean), episode_length, and, with a
    curriculum, task (its number, an index of `task_names`).

    Args:
      info: done bool [N], episode_return float32 [N, A], episode_length int32 [N], perhaps task int32 [N].
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


def episode_stats(
    episodes: EpisodeTotals, stat_names: Sequence[Mapping[str, int]], task: str | None
) -> dict[str, float]:
    """What the episodes that ended in a rollout came to, means over them, under the original's names; {} if none did.

    agent/<statistic>, the mean over agents of those that happened; attributes/steps; and, unless a curriculum reports
    it of each of its tasks, task_reward/<task>/rewards.mean, the mean over agents of the episode's reward.

    Args:
      episodes: `state.episodes`. Waits for it.
      stat_names: index by name, of every group of agents.
      task: name of the only task; None with a curriculum.
    """
    host: EpisodeTotals = jax.device_get(episodes)
    count, num_agents = int(host.count.sum()), host.return_sum.shape[1]
    if not count:
        return {}
    stats = {"attributes/steps": float(host.length_sum.sum()) / count}
    if task is not None:
        stats[f"task_reward/{task.rpartition('/')[2]}/rewards.mean"] = float(host.return_sum.mean(axis=1).sum()) / count
    if host.stat_sum is not None:
        for names, values in zip(stat_names, host.stat_sum.sum(axis=0, dtype=np.float64), strict=True):
            for name, index in names.items():
                if values[index] > 0:
                    key = f"agent/{name}"
                    stats[key] = stats.get(key, 0.0) + float(values[index]) / (count * num_agents)
    return stats


def accumulate_rollout_stats(infos: Infos, stats: Mapping[str, list[Any]] | None = None) -> dict[str, list[Any]]:
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
