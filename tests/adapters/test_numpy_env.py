"""The NumPy environment is the engine, in other clothes."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from metta_jax.adapters import NumpyEnv, make_game, programs
from metta_jax.config import GameConfig
from metta_jax.conformance import load_run
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.rl import accumulate_rollout_stats
from tests.adapters import worlds
from tests.mettagrid.small_world import GET, MAP, MOVE, NOOP, ROTATE, game_config
from tests.programs import num_compiled

FACE_MINE = np.array([[ROTATE, 1], [NOOP, 0]], np.int32)
TAKE = np.array([[GET, 0], [NOOP, 0]], np.int32)
RUNS = Path(__file__).parent.parent / "conformance"


@pytest.fixture
def env() -> NumpyEnv:
    return NumpyEnv(worlds.pair())


def test_shapes_and_dtypes(env: NumpyEnv) -> None:
    observation, info = env.reset(0)
    assert (observation.shape, observation.dtype, info) == ((2, 24, 3), np.uint8, {})
    observation, reward, terminal, truncated, info = env.step(FACE_MINE)
    assert (observation.shape, observation.dtype, info) == ((2, 24, 3), np.uint8, {})
    assert (reward.shape, reward.dtype) == ((2,), np.float32)
    assert (terminal.shape, terminal.dtype, truncated.shape, truncated.dtype) == ((2,), bool, (2,), bool)


def test_shared_properties(env: NumpyEnv) -> None:
    assert (env.num_agents, env.max_steps, env.obs_width, env.obs_height) == (2, 4, 3, 3)
    assert env.action_names == ("get_output", "move", "noop", "rotate")
    assert env.max_action_args == (0, 1, 0, 3)
    assert env.object_type_names == ("agent", "wall", "mine")
    assert env.inventory_item_names == ("ore",)
    assert env.get_observation_features()["inv:ore"] == {"id": 14, "normalization": 100.0}
    assert env.feature_normalizations[14] == 100.0
    assert (env.map_width, env.map_height, env.render_mode) == (5, 3, None)
    assert (env.current_step, env.done) == (0, False)
    env.reset(0)
    env.step(TAKE)
    assert (env.current_step, env.done, env.action_success.tolist()) == (1, False, [False, True])
    assert env.initial_grid_hash == map_hash(MAP)
    assert {thing["type_name"] for thing in env.grid_objects.values()} == {"wall", "agent", "mine"}
    assert env.single_observation_space.shape == (24, 3)
    assert env.single_action_space.nvec.tolist() == [4, 4]


def test_the_episode_of_a_seed_is_the_engines(env: NumpyEnv) -> None:
    grid = worlds.pair().grid
    rng = np.random.default_rng(0)
    state, timestep = jax.jit(grid.reset)(grid.params, jax.random.key(11))
    observation, _ = env.reset(11)
    np.testing.assert_array_equal(observation, timestep.observation)
    step = jax.jit(grid.step)
    for _ in range(4):
        actions = rng.integers(0, 4, (2, 2), np.int32)
        state, timestep = step(grid.params, state, actions)
        observation, reward, terminal, truncated, _ = env.step(actions)
        np.testing.assert_array_equal(observation, timestep.observation)
        np.testing.assert_array_equal(reward, timestep.reward)
        np.testing.assert_array_equal(terminal, timestep.terminated)
        np.testing.assert_array_equal(truncated, timestep.truncated)
        np.testing.assert_array_equal(env.action_success, timestep.action_success)
    assert env.grid_objects == grid.grid_objects(grid.params, state)


def test_rewards_are_exact_and_the_last_step_is_the_limit(env: NumpyEnv) -> None:
    env.reset(0)
    env.step(FACE_MINE)
    _, reward, terminal, _, info = env.step(TAKE)
    assert (reward.tolist(), terminal.tolist(), info) == ([0.5, 0.0], [False, False], {})
    env.step(TAKE)
    _, _, terminal, truncated, info = env.step(FACE_MINE)
    assert (terminal.tolist(), truncated.tolist(), env.done) == ([True, True], [False, False], True)
    assert info
    *_, info = env.step(FACE_MINE)  # stepping on is allowed and reports nothing more
    assert (info, env.done, env.current_step) == ({}, True, 5)


def test_the_info_of_an_ended_episode(env: NumpyEnv) -> None:
    env.reset(3)
    env.reset(5)
    for actions in (FACE_MINE, TAKE, FACE_MINE):
        env.step(actions)
    *_, info = env.step(FACE_MINE)
    assert info["map_reward/test"] == info["map_reward/walled"] == info["task_reward/game/rewards.mean"] == 0.25
    assert info["task_completions/game"] == 1.0
    assert info["curriculum_task_probs"] == {"game": 1.0}
    assert info["agent"]["ore.get"] == 0.5  # one piece, as a mean over two agents
    assert info["agent"]["action.noop.success"] == 2.0
    assert info["game"]["objects.wall"] == 9
    assert info["attributes"] == {
        "seed": 5, "map_w": 5, "map_h": 3, "initial_grid_hash": map_hash(MAP), "steps": 4, "resets": 2, "max_steps": 4,
    }  # fmt: skip
    flat = accumulate_rollout_stats(info)
    assert {"agent/ore.get", "game/objects.mine", "attributes/steps"} <= set(flat)
    json.dumps(info)


def test_a_seed_decides_the_episodes_that_follow() -> None:
    def start(env: NumpyEnv, seed: int | None) -> tuple[int | None, int]:
        env.reset(seed)
        return env._episode.seed, env.initial_grid_hash

    fresh, used = NumpyEnv(worlds.alone()), NumpyEnv(worlds.alone())
    used.reset(1)
    episodes = [start(fresh, seed) for seed in (7, None, None)]
    assert episodes == [start(used, seed) for seed in (7, None, None)]
    assert len({seed for seed, _ in episodes}) == 3
    assert {start(fresh, seed)[1] for seed in range(12)} == {map_hash(rows) for rows in worlds.ONE_AGENT_MAPS}


def test_unseeded_environments_differ() -> None:
    seeds = set()
    for _ in range(3):
        env = NumpyEnv(worlds.pair())
        env.reset()
        seeds.add(env._episode.seed)
    assert len(seeds) == 3


def test_what_is_returned_belongs_to_the_caller(env: NumpyEnv) -> None:
    observation, _ = env.reset(0)
    kept = observation.copy()
    result = env.step(FACE_MINE)
    np.testing.assert_array_equal(observation, kept)
    for array in (observation, *result[:4]):
        array[...] = 0
    assert env.done is False
    assert not np.shares_memory(result[0], env.step(FACE_MINE)[0])


def test_a_second_environment_of_a_layout_compiles_nothing() -> None:
    first = NumpyEnv(worlds.pair())
    first.reset(0)
    first.step(FACE_MINE)
    before = num_compiled(programs.reset), num_compiled(programs.step)
    other = NumpyEnv(make_game(game_config(max_steps=9), maps=MAP))
    other.reset(1)
    other.step(FACE_MINE)
    assert (num_compiled(programs.reset), num_compiled(programs.step)) == before


@pytest.mark.parametrize(
    "name", ["fuzz_0", *(pytest.param(name, marks=pytest.mark.slow) for name in ("stress_edge_attack", "fuzz_1"))]
)
def test_a_recorded_run_repeats_from_its_seed(name: str) -> None:
    run = load_run(RUNS / f"{name}.npz")
    config = GameConfig.model_validate({**run.config, "resource_reward_cap": "running_total"})
    env = NumpyEnv(config, maps=[run.rows], orders="original")
    observation, _ = env.reset(seed=run.seed)
    np.testing.assert_array_equal(observation, run.initial_observation)
    assert str(env.initial_grid_hash) == run.meta["initial_grid_hash"]
    for t, actions in enumerate(run.actions[:60]):
        observation, reward, terminal, truncated, _ = env.step(actions)
        np.testing.assert_array_equal(observation, run.observation[t])
        np.testing.assert_array_equal(reward, run.reward[t])
        np.testing.assert_array_equal(terminal, run.terminated[t])
        np.testing.assert_array_equal(truncated, run.truncated[t])


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((3, 2), np.int32), r"actions has shape \[3, 2\] but expected \[2, 2\]"),
        (np.zeros((2, 2)), "actions has dtype float64 but expected int32"),
        (np.full((2, 2), 1 << 40), "actions has values outside of int32"),
        ([[0, 0], [0]], r"actions has rows of different lengths but expected shape \[2, 2\]"),
    ],
)
def test_wrong_actions(env: NumpyEnv, actions: object, message: str) -> None:
    env.reset(0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


def test_lists_of_integers_are_actions(env: NumpyEnv) -> None:
    env.reset(0)
    env.step([[MOVE, 0], [-1, 99]])
    assert env.action_success.tolist()[1] is False


def test_wrong_arguments(env: NumpyEnv) -> None:
    for seed in (-1, 1 << 32, 1.5, True):
        with pytest.raises(ValueError, match="seed: .* is not an integer in 0..4294967295"):
            env.reset(seed)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RuntimeError, match="call reset first"):
        NumpyEnv(worlds.pair()).step(FACE_MINE)
    with pytest.raises(RuntimeError, match="call reset first"):
        NumpyEnv(worlds.pair()).grid_objects  # noqa: B018
    with pytest.raises(ValueError, match="orders: 'sorted' is not one of"):
        NumpyEnv(worlds.pair(), orders="sorted")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="render_mode: 'depth' is not None or one of"):
        NumpyEnv(worlds.pair(), render_mode="depth")


def test_wrong_worlds() -> None:
    with pytest.raises(ValueError, match="did you mean 'arena/basic'"):
        NumpyEnv("arena/basik")
    with pytest.raises(ValueError, match="width: 8 is given together with a configuration"):
        NumpyEnv(game_config(), maps=MAP, width=8)
    with pytest.raises(ValueError, match="num_agents: 2 is given together with a Game"):
        NumpyEnv(worlds.pair(), num_agents=2)
    with pytest.raises(ValueError, match="maps: None; a GameConfig needs maps"):
        NumpyEnv(game_config())
    with pytest.raises(ValueError, match="num_maps: 3 is given together with maps"):
        NumpyEnv(game_config(), maps=MAP, num_maps=3)


def test_a_named_world() -> None:
    game = make_game("env/mettagrid/forage", width=8, height=8, num_maps=2)
    assert (game.name, len(game.maps), game.grid.num_agents) == ("forage", 2, 4)
    assert game.map_labels(0) == ("random", "small")
