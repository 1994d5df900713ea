"""A recorded run, given to the oracle step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metta_jax.conformance import RecordedRun, Rollout
from tests.oracle.engine import Oracle, World


def make_oracle(config: Mapping[str, Any], rows: list[list[str]]) -> Oracle:
    return Oracle(config, [rows], resource_reward_cap="running_total")


def oracle_rollout(oracle: Oracle, run: RecordedRun) -> Rollout:
    """All steps of a run, with the states in between."""
    world, first = oracle.reset(map_index=0)
    initial_grid_objects = oracle.grid_objects(None, world)
    timesteps, returns, tracks = [], [], [_track(oracle, world)]
    for actions, order in zip(run.actions, run.orders, strict=True):
        world, timestep = oracle.step(None, world, actions, order)
        timesteps.append(timestep)
        returns.append(world.episode_return)
        tracks.append(_track(oracle, world))
    return Rollout(
        initial_observation=first.observation,
        observation=np.stack([timestep.observation for timestep in timesteps]),
        reward=np.stack([timestep.reward for timestep in timesteps]),
        episode_return=np.stack(returns),
        terminated=np.stack([timestep.terminated for timestep in timesteps]),
        truncated=np.stack([timestep.truncated for timestep in timesteps]),
        action_success=np.stack([timestep.action_success for timestep in timesteps]),
        initial_grid_objects=initial_grid_objects,
        grid_objects=oracle.grid_objects(None, world),
        stats=oracle.episode_stats(None, world),
        tracks={name: np.stack([track[name] for track in tracks]) for name in tracks[0]},
    )


def _track(oracle: Oracle, world: World) -> dict[str, np.ndarray]:
    return {
        "agent_state": oracle.agent_state(world),
        "agent_inv": oracle.agent_inventory(world),
        "conv_state": np.array([converter.busy for converter in world.converters], np.uint8),
        "conv_inv": oracle.converter_inventory(world),
    }
