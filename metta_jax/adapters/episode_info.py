"""The info of the step in which an episode ends, under the original's names. Host code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metta_jax.adapters.game import Game
from metta_jax.mettagrid import EnvState


def episode_info(game: Game, state: EnvState, seed: int | None, num_resets: int) -> dict[str, Any]:
    """What is known of a finished episode.

    Keys: `map_reward/<label>` and `task_reward/<task>/rewards.mean` (mean over agents of the episode's reward),
    `task_completions/<task>` and `curriculum_task_probs` (of the only task), `game` and `agent` (statistics, those of
    agents as means over all agents), `attributes`. Nested as the original's; `accumulate_rollout_stats` flattens them
    with "/". The original's `attributes.completion_time`, a time of day, is left out: equal episodes have equal infos.

    Args:
      state: the last one of the episode, as NumPy arrays.
    """
    map_index = int(state.map_index)
    stats = game.grid.episode_stats(game.params, state)
    info = _reward_info(game, map_index, np.asarray(state.episode_return))
    attributes = {"seed": seed, **_map_attributes(game, map_index), "steps": int(state.step)}
    attributes |= {"resets": num_resets, "max_steps": game.grid.max_steps}
    return {**info, "game": stats["game"], "agent": _mean_over_agents(stats["agent"]), "attributes": attributes}


def for_gymnasium(info: dict[str, Any]) -> dict[str, Any]:
    """The info with the hash as np.uint64: gymnasium's vectors keep Python integers as int64, which it may not fit."""
    attributes = info.get("attributes")
    if attributes is None:
        return info
    return {**info, "attributes": {**attributes, "initial_grid_hash": np.uint64(attributes["initial_grid_hash"])}}


def _reward_info(game: Game, map_index: int, episode_return: np.ndarray) -> dict[str, Any]:
    """The rewards of an episode, float32 [A], by label of the map and by task."""
    mean = float(episode_return.mean())
    task = game.name.rpartition("/")[2]
    return {
        **{f"map_reward/{label}": mean for label in game.map_labels(map_index)},
        f"task_reward/{task}/rewards.mean": mean,
        f"task_completions/{game.name}": 1.0,
        "curriculum_task_probs": {game.name: 1.0},
    }


def _map_attributes(game: Game, map_index: int) -> dict[str, Any]:
    """Size and hash of a map."""
    height, width = game.maps[map_index].grid.shape
    return {"map_w": width, "map_h": height, "initial_grid_hash": game.map_hash(map_index)}


def _mean_over_agents(stats: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Sums over agents divided by the number of all agents: an agent without a statistic counts as 0."""
    total: dict[str, float] = {}
    for agent in stats:
        for name, value in agent.items():
            total[name] = total.get(name, 0.0) + value
    return {name: total[name] / len(stats) for name in sorted(total)}
