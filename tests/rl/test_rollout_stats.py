from __future__ import annotations

import jax.numpy as jnp

from metta_jax.rl import accumulate_rollout_stats, unpack_infos

INFO = {
    "done": jnp.array([False, True, True]),
    "episode_return": jnp.array([[0.0, 0.0], [1.0, 2.0], [3.0, 5.0]]),
    "episode_length": jnp.array([0, 7, 9]),
}


def test_unpack_gives_ended_episodes_only() -> None:
    assert unpack_infos(INFO) == [
        {"env": 1, "episode_return": [1.0, 2.0], "reward": 1.5, "episode_length": 7},
        {"env": 2, "episode_return": [3.0, 5.0], "reward": 4.0, "episode_length": 9},
    ]
    assert unpack_infos(INFO | {"done": jnp.zeros(3, bool)}) == []


def test_accumulate_flattens_and_is_pure() -> None:
    stats: dict[str, list[float]] = {"game/steps": [1.0]}
    infos = [{"game": {"steps": 2.0, "deep": {"x": 3}}, "name": "a"}, {"game": {"steps": [4.0, 5.0]}}]
    result = accumulate_rollout_stats(infos, stats)
    assert result == {"game/steps": [1.0, 2.0, 4.0, 5.0], "game/deep/x": [3], "name": ["a"]}
    assert stats == {"game/steps": [1.0]}


def test_accumulate_takes_infos_of_rollout_steps() -> None:
    result = accumulate_rollout_stats([INFO, INFO])
    assert result["reward"] == [1.5, 4.0, 1.5, 4.0]
    assert result["episode_return"] == [1.0, 2.0, 3.0, 5.0] * 2
