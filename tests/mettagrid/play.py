"""Scenarios, played by the engine and by the oracle, with one compilation per family of shapes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.config import GameConfig
from metta_jax.conformance import RecordedRun, Rollout
from metta_jax.mettagrid import EnvParams, EnvState, MettaGrid, TimeStep
from metta_jax.mettagrid.types import Layout
from tests.oracle import Oracle
from tests.oracle.replay import oracle_rollout
from tests.strategies import Scenario


class Played(NamedTuple):
    """What an episode left: the state and the timestep after reset, and those of every step, stacked."""

    initial_state: EnvState
    first: TimeStep
    states: EnvState
    timesteps: TimeStep


def make_env(scenario: Scenario, path: str | None = None) -> MettaGrid:
    return MettaGrid(GameConfig.model_validate(scenario.config), scenario.maps, stats="full", engine_path=path)


def play(env: MettaGrid, scenario: Scenario) -> Played:
    """Plays a scenario in one compiled loop; environments of one layout share it."""
    arrays = (np.int32(scenario.map_index), scenario.actions, scenario.orders)
    return player(env.layout)(env.params, jax.random.key(0), *(jnp.asarray(array) for array in arrays))


@cache
def player(layout: Layout) -> Callable[..., Played]:
    """(params, key, map_index, actions [T, A, 2], orders [T, A]) -> Played. A second trace is an error."""
    play_fn = player_fn(layout)
    traced: list[str] = []

    # Not `chex.assert_max_traces`, which counts all functions of one definition together.
    def traced_once(params: EnvParams, *inputs: jax.Array) -> Played:
        shapes = str(jax.tree.map(jax.typeof, (params, inputs)))
        assert not traced, f"traced for {traced}, and again for {shapes}"
        traced.append(shapes)
        return play_fn(params, *inputs)

    return jax.jit(traced_once)


def player_fn(layout: Layout) -> Callable[..., Played]:
    """The same, not compiled."""
    env = object.__new__(MettaGrid)
    env.layout = layout

    def play_all(
        params: EnvParams, key: jax.Array, map_index: jax.Array, actions: jax.Array, orders: jax.Array
    ) -> Played:
        def step(state: EnvState, inputs: tuple[jax.Array, jax.Array]) -> tuple[EnvState, Any]:
            state, timestep = env.step(params, state, inputs[0], order=inputs[1])
            return state, (state, timestep)

        state, first = env.reset(params, key, map_index)
        _, (states, timesteps) = jax.lax.scan(step, state, (actions, orders))
        return Played(state, first, states, timesteps)

    return play_all


def row(tree: Any, index: int) -> Any:
    """One row of stacked arrays."""
    return jax.tree.map(lambda x: x[index], tree)


def engine_rollout(env: MettaGrid, scenario: Scenario) -> Rollout:
    """Everything that can be compared, the states of every step included."""
    played = play(env, scenario)
    last = row(played.states, -1)
    timesteps = jax.device_get(played.timesteps)
    return Rollout(
        initial_observation=np.asarray(played.first.observation),
        observation=timesteps.observation,
        reward=timesteps.reward,
        episode_return=np.asarray(played.states.episode_return),
        terminated=timesteps.terminated,
        truncated=timesteps.truncated,
        action_success=timesteps.action_success,
        initial_grid_objects=env.grid_objects(env.params, played.initial_state),
        grid_objects=env.grid_objects(env.params, last),
        stats=env.episode_stats(env.params, last),
        tracks=_tracks(env, played),
    )


def expected_run(scenario: Scenario) -> RecordedRun:
    """The oracle's run of a scenario."""
    oracle = Oracle(scenario.config, [scenario.maps[scenario.map_index]])
    blank = RecordedRun(
        name=scenario.family.name,
        config=scenario.config,
        rows=scenario.maps[scenario.map_index],
        seed=0,
        actions=scenario.actions,
        orders=scenario.orders,
        meta={},
        **dict.fromkeys(Rollout.__dataclass_fields__),  # type: ignore[arg-type]
    )
    return RecordedRun(**vars(blank) | vars(oracle_rollout(oracle, blank)))


def _tracks(env: MettaGrid, played: Played) -> dict[str, np.ndarray]:
    first, later = jax.device_get((played.initial_state, played.states))
    states = jax.tree.map(lambda one, many: np.concatenate([one[None], many]), _numbers(first), _numbers(later))
    layout = env.layout
    rows, columns = np.divmod(states["cell"], layout.stride)
    group_ids = np.asarray(env.params.rules.group_id)[states["group"]]
    columns_of = (
        rows - layout.pad[0],
        columns - layout.pad[1],
        *(states[name] for name in ("orientation", "frozen", "color", "glyph")),
        group_ids,
    )
    stock = states["converter_stock"].astype(np.int16)
    return {
        "agent_state": np.stack([column.astype(np.int16) for column in columns_of], axis=-1),
        "agent_inv": states["inventory"],
        "conv_state": (states["converter_phase"] > 0).astype(np.uint8),
        "conv_inv": np.where(stock > 0, stock, np.int16(-1)),
    }


def _numbers(state: EnvState) -> dict[str, np.ndarray]:
    names = ("cell", "group", "orientation", "frozen", "color", "glyph", "inventory", "converter_stock")
    return {name: np.asarray(getattr(state, name)) for name in (*names, "converter_phase")}
