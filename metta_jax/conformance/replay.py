"""Recorded actions and orders, given to an engine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.config import GameConfig
from metta_jax.conformance.runs import RecordedRun
from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import MettaGrid
from metta_jax.mettagrid.engine_path import EnginePath


@dataclass(frozen=True)
class Rollout:
    """What an engine made of a run; the fields are those of `RecordedRun`."""

    initial_observation: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    episode_return: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    action_success: np.ndarray
    initial_grid_objects: Mapping[int, Mapping[str, Any]]
    grid_objects: Mapping[int, Mapping[str, Any]]
    stats: Mapping[str, Any]
    tracks: Mapping[str, np.ndarray] = field(default_factory=dict)


def make_engine(
    config: Mapping[str, Any], rows: list[list[str]], engine_path: EnginePath | str | None = None
) -> MettaGrid:
    """Our engine, with all statistics, under the original's rule for resource rewards; see `choose_path`."""
    rules = {"resource_reward_cap": "running_total", "unknown_resources": "drop"}
    game = GameConfig.model_validate({**config, **rules})
    with warnings.catch_warnings():
        # Some recorded worlds rely on unknown resources being left out.
        warnings.simplefilter("ignore", UserWarning)
        return MettaGrid(game, [rows], stats="full", engine_path=engine_path)


def scan_rollout(engine: MettaGrid, run: RecordedRun) -> Rollout:
    """The reset and all steps of a run in one compiled program."""

    def replay(params: PyTree, actions: jax.Array, orders: jax.Array) -> tuple[Any, Any, Any, Any]:
        def step(state: PyTree, inputs: tuple[jax.Array, jax.Array]) -> tuple[PyTree, PyTree]:
            state, timestep = engine.step(params, state, inputs[0], order=inputs[1])
            return state, (timestep, state.episode_return)

        start, first = engine.reset(params, jax.random.key(0), map_index=0)
        return start, first, *jax.lax.scan(step, start, (actions, orders))

    start, first, state, (timesteps, returns) = jax.jit(replay)(
        engine.params, jnp.asarray(run.actions), jnp.asarray(run.orders)
    )
    return Rollout(
        initial_observation=np.asarray(first.observation),
        observation=np.asarray(timesteps.observation),
        reward=np.asarray(timesteps.reward),
        episode_return=np.asarray(returns),
        terminated=np.asarray(timesteps.terminated),
        truncated=np.asarray(timesteps.truncated),
        action_success=np.asarray(timesteps.action_success),
        initial_grid_objects=engine.grid_objects(engine.params, start),
        grid_objects=engine.grid_objects(engine.params, state),
        stats=engine.episode_stats(engine.params, state),
    )
