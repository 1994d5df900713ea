"""What every named world must do: `api_test(name)`, `play_against_oracle(names, num_steps)`.

Not a test module by itself; the worlds that are registered are put through them by `test_every_world*.py`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np

from metta_jax import worlds
from metta_jax.config import EnvConfig, known_resources
from metta_jax.mapgen import BoxShare, GameMap, build_maps
from metta_jax.mettagrid import EnvParams, EnvState, MettaGrid
from metta_jax.mettagrid.types import Layout
from tests.oracle import Oracle

_DESCRIPTION_LENGTH = 110


def map_of(world: EnvConfig, seed: int = 0) -> GameMap:
    return build_maps(world.map_builder, seed=seed, num_maps=1)[0]


def api_test(name: str) -> None:
    """Name, description, rules and maps are in order. Compiles nothing."""
    world = worlds.get(name)
    assert worlds.get(f"/env/mettagrid/{name}") == world == worlds.get(f"env/mettagrid/{name}")
    assert hash(worlds.get(name)) == hash(world)
    description = worlds.describe(name)
    assert len(description) <= _DESCRIPTION_LENGTH
    assert "\n" not in description
    assert description.endswith((".", "?"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert known_resources(world.game) is world.game, "no recipe, cost or reward names an item that is not there"
    maps = [map_of(world, seed) for seed in (0, 1)]
    for game_map in maps:
        check_map(world, game_map)
    assert (maps[0].grid == map_of(world, 0).grid).all(), "same seed, same map"
    env = MettaGrid(world.game, [game_map.to_lists() for game_map in maps], stats="none")
    assert env.num_agents == world.game.num_agents
    _check_sampling(name, world)


def check_map(world: EnvConfig, game_map: GameMap) -> None:
    """The agents that there must be, known objects only, and a closed border, except where the original has none."""
    grid = game_map.grid
    counts = Counter(grid.ravel().tolist())
    agents = {key: count for key, count in counts.items() if key.startswith("agent.")}
    assert sum(agents.values()) == world.game.num_agents
    assert {key.removeprefix("agent.") for key in agents} <= set(world.game.groups)
    assert set(counts) - set(agents) <= {*world.game.objects, "empty"}
    assert game_map.labels[-1] in ("small", "medium", "large")
    edge = {*grid[0], *grid[-1], *grid[:, 0], *grid[:, -1]}
    assert edge == {"wall"} or isinstance(world.map_builder, BoxShare), "the border is not closed"


def _check_sampling(name: str, world: EnvConfig) -> None:
    """Tasks drawn from seeds are reproducible and have the same static parts; without sampled numbers all are alike."""
    first, again, other = (worlds.sample(name, seed) for seed in (1, 1, 2))
    assert first == again
    if not world.sampling:
        assert first == world
    for task in (first, other):
        assert task.map_builder == world.map_builder, "its numbers are drawn when a map is built"
        for part in ("num_agents", "inventory_item_names", "groups", "obs_width", "num_observation_tokens"):
            assert getattr(task.game, part) == getattr(world.game, part)
        assert list(task.game.objects) == list(world.game.objects)
        assert task.game.enabled_actions() == world.game.enabled_actions()


def play_against_oracle(names: Sequence[str], num_steps: int, seed: int = 0) -> None:
    """Random valid actions in random orders: the compiled engine and the sequential oracle must agree bit for bit.

    The worlds share one pool of maps; as far as they have the same agents, items, objects and actions, they share one
    compiled program too.
    """
    rows = [map_of(worlds.get(name), seed).to_lists() for name in names]
    for index, name in enumerate(names):
        game = worlds.get(name).game
        env = MettaGrid(game, rows, stats="none")
        actions, orders = _random_actions(env, num_steps, seed)
        inputs = (env.params, np.int32(index), actions, orders)
        first, played = jax.device_get(_player(env.layout)(*inputs))
        oracle = Oracle(game.model_dump(), [rows[index]])
        state, expected = oracle.reset()
        np.testing.assert_array_equal(first.observation, expected.observation, err_msg=f"{name}: after reset")
        for step in range(num_steps):
            if state.terminated or state.truncated:
                break
            state, expected = oracle.step(None, state, actions[step], orders[step])
            for part in ("action_success", "observation", "reward", "terminated", "truncated"):
                got = getattr(played, part)[step]
                what = f"{name}: {part} of step {step + 1}"
                np.testing.assert_array_equal(got, getattr(expected, part), err_msg=what)


def of_one_kind() -> list[list[str]]:
    """All worlds, those together that can share a compiled program."""
    kinds: dict[Hashable, list[str]] = {}
    for name in worlds.list():
        game = worlds.get(name).game
        key = (game.num_agents, game.inventory_item_names, tuple(game.objects), tuple(game.groups))
        kinds.setdefault((*key, game.enabled_actions()), []).append(name)
    return list(kinds.values())


def _random_actions(env: MettaGrid, num_steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(env.action_names), size=(num_steps, env.num_agents))
    most = np.asarray(env.max_action_args)[kinds]
    arguments = rng.integers(most + 1)
    orders = np.stack([rng.permutation(env.num_agents) for _ in range(num_steps)])
    return np.stack([kinds, arguments], axis=-1).astype(np.int32), orders.astype(np.int32)


@cache
def _player(layout: Layout) -> Callable[..., Any]:
    """(params, map_index, actions [T, A, 2], orders [T, A]) -> the first timestep, and those of all steps."""
    env = object.__new__(MettaGrid)
    env.layout = layout

    def play(params: EnvParams, map_index: jax.Array, actions: jax.Array, orders: jax.Array) -> Any:
        def step(state: EnvState, inputs: tuple[jax.Array, jax.Array]) -> tuple[EnvState, Any]:
            return env.step(params, state, inputs[0], order=inputs[1])

        state, first = env.reset(params, jax.random.key(0), map_index)
        return first, jax.lax.scan(step, state, (actions, orders))[1]

    return jax.jit(play)
