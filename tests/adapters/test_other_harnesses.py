"""What other people's programs do with environments: fork, pickle, copy, JSON, NumPy integers, wrappers."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.envs import registration
from gymnasium.vector import AutoresetMode

from metta_jax.adapters import (
    GymnasiumEnv,
    GymnasiumMultiAgentEnv,
    GymnasiumVectorEnv,
    NumpyEnv,
    PettingZooEnv,
    SingleAgentWrapper,
    register_worlds,
)
from metta_jax.config import ConfigError, GameConfig, OptimizerConfig, TrainerConfig
from metta_jax.mapgen import RandomRoom
from metta_jax.mettagrid import VectorEnv
from metta_jax.worlds.environment import Environment
from tests.adapters import worlds
from tests.mettagrid.small_world import game, game_config

ROOT = Path(__file__).resolve().parents[2]

FORKED = """
import gymnasium
from metta_jax.adapters import GymnasiumEnv, NumpyEnv
from tests.adapters import worlds
worlds.alone()  # JAX has started
try:
    env = gymnasium.vector.AsyncVectorEnv([lambda: GymnasiumEnv(worlds.alone())] * 2, context="fork")
    env.reset(seed=0)
except (EOFError, ConnectionError):
    print("the worker is gone")  # after it has said why
"""


def test_a_forked_worker_is_refused_in_one_line() -> None:
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert "the worker is gone" in done.stdout, done.stderr[-2000:]
    assert "RuntimeError: this process was forked after JAX had started" in done.stderr
    assert "context='spawn'" in done.stderr


def test_specs_go_through_json() -> None:
    name = next(iter(register_worlds()))
    spec = gymnasium.spec(name)
    again = registration.EnvSpec.from_json(spec.to_json())
    assert again.entry_point == spec.entry_point
    load: Any = registration.load_env_creator
    assert load(again.entry_point).__name__ == "make_world"
    assert load(spec.vector_entry_point).__name__ == "make_vector_world"


def _single() -> GymnasiumEnv:
    return GymnasiumEnv(worlds.alone())


def test_next_step_is_what_gymnasiums_vector_does() -> None:
    env = GymnasiumVectorEnv(worlds.alone(), num_envs=2, autoreset="next_step")
    reference = gymnasium.vector.SyncVectorEnv([_single] * 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert GymnasiumVectorEnv.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    np.testing.assert_array_equal(env.reset(seed=[5, 9])[0], reference.reset(seed=[5, 9])[0])
    for t in range(7):
        actions = np.full((2, 2), [t % 4, 0], np.int32)
        *ours, infos = env.step(actions)
        *theirs, expected_infos = reference.step(actions)
        for x, y in zip(ours if t < 4 else ours[1:], theirs if t < 4 else theirs[1:], strict=True):
            np.testing.assert_array_equal(x, y)
        assert infos.keys() == expected_infos.keys()
        assert env.current_step.tolist() == [(t + 1) % 5] * 2
        assert bool(infos) == (t == 3)
    wrappers = gymnasium.wrappers.vector
    for wrapped in (wrappers.RecordEpisodeStatistics(env), wrappers.ClipReward(env, -1, 1)):
        wrapped.reset(seed=0)
        for _ in range(5):
            *_, infos = wrapped.step(np.zeros((2, 2), np.int32))


def test_infos_of_ended_episodes_are_those_of_a_single_environment() -> None:
    single = _single()
    single.reset(seed=5)
    for _ in range(4):
        *_, expected = single.step(np.array([2, 0], np.int32))
    for autoreset in ("same_step", "next_step"):
        env = GymnasiumVectorEnv(worlds.alone(), num_envs=2, autoreset=autoreset)
        env.reset(seed=[5, 6])
        for _ in range(4):
            *_, infos = env.step(np.full((2, 2), [2, 0], np.int32))
        got = infos["final_info"] if autoreset == "same_step" else infos
        for key, value in expected.items():
            _assert_same(got[key], value)


def _assert_same(got: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert expected.keys() <= got.keys()
        for key in expected:
            _assert_same(got[key], expected[key])
    else:
        assert got[0] == expected


def test_seeds_near_the_end_of_their_range() -> None:
    env = GymnasiumVectorEnv(worlds.alone(), num_envs=2)
    observation, _ = env.reset(seed=2**32 - 1)
    for i, seed in enumerate((2**32 - 1, 0)):
        np.testing.assert_array_equal(observation[i], _single().reset(seed=seed)[0])
    env.reset(seed=np.uint32(2**32 - 1))
    env.reset(seed=[np.int64(3), None])
    with pytest.raises(ValueError, match=r"seed: 4294967296 is not an integer in 0..4294967295"):
        env.reset(seed=2**32)
    with pytest.raises(ValueError, match=r"seed: -1 is not an integer in"):
        env.reset(seed=-1)
    with pytest.raises(ValueError, match=r"seed: '7' is not an integer in"):
        NumpyEnv(worlds.alone()).reset(seed="7")  # type: ignore


ADAPTERS: dict[str, Callable[[], Any]] = {
    "numpy": lambda: NumpyEnv(worlds.alone(), orders="original"),
    "gymnasium": _single,
    "gymnasium, all agents": lambda: GymnasiumMultiAgentEnv(worlds.pair()),
    "gymnasium, wrapped": lambda: SingleAgentWrapper(GymnasiumMultiAgentEnv(worlds.alone())),
    "gymnasium, vector": lambda: GymnasiumVectorEnv(worlds.alone(), num_envs=2),
    "gymnasium, vector, next step": lambda: GymnasiumVectorEnv(worlds.alone(), num_envs=2, autoreset="next_step"),
    "pettingzoo": lambda: PettingZooEnv(worlds.pair()),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_can_be_copied_in_the_middle_of_an_episode(name: str, how: str) -> None:
    env = ADAPTERS[name]()
    COPIES[how](env).reset(seed=1)
    env.reset(seed=3)
    _step(env)
    twin = COPIES[how](env)
    for _ in range(5):
        for x, y in zip(_step(env)[:4], _step(twin)[:4], strict=True):
            jax.tree.map(np.testing.assert_array_equal, x, y)
    assert twin.reset(seed=4) is not None


def _step(env: Any) -> Any:
    if isinstance(env, PettingZooEnv):
        if not env.agents:
            env.reset(seed=8)
        return env.step({agent: np.zeros(2, np.int32) for agent in env.agents})
    shape = (2, 2) if isinstance(env, GymnasiumVectorEnv | GymnasiumMultiAgentEnv) else (2,)
    return env.step(np.zeros((env.num_agents, 2) if isinstance(env, NumpyEnv) else shape, np.int32))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("fresh_maps", [False, True])
def test_environments_can_be_copied(how: str, fresh_maps: bool) -> None:
    env = _environment(num_envs=2, fresh_maps=fresh_maps)
    state, _ = env.reset(env.params, jax.random.key(0))
    twin, twin_state = COPIES[how](env), COPIES[how](state)
    actions = np.zeros((2, 2, 2), np.int32)
    x, y = env.step(env.params, state, actions), twin.step(twin.params, twin_state, actions)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(_data(a), _data(b)), x, y)


def _environment(**options: Any) -> Environment:
    room = RandomRoom(width=3, height=3, border_width=1, agents=2, objects={"mine": 1})
    return Environment(env_config={"game": game_config(), "map_builder": room}, num_maps=1, **options)


def _data(x: Any) -> Any:
    return jax.random.key_data(x) if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def test_numpy_integers_are_integers() -> None:
    two = np.int64(2)
    assert GameConfig.model_validate(game(max_steps=np.uint8(7))).max_steps == 7
    assert type(OptimizerConfig(learning_rate=np.float32(0.5)).learning_rate) is float
    assert TrainerConfig(batch_size=np.int32(64), minibatch_size=two * 16, bptt_horizon=two).minibatch_size == 32
    limits = {"agent": {"resource_limits": {"ore": np.int16(3)}}}
    assert GameConfig.model_validate(game(**limits)).agent.resource_limits == {"ore": 3}
    assert _environment(num_envs=two, seed=np.uint32(3)).num_envs == 2
    assert VectorEnv(worlds.pair().grid, two).num_envs == 2  # type: ignore
    assert GymnasiumVectorEnv(worlds.alone(), num_envs=two).num_envs == 2  # type: ignore
    assert GymnasiumEnv(worlds.pair(), agent=np.int8(1), others="idle").agent == 1  # type: ignore


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: _environment(num_envs="2"), "num_envs: '2' is not an integer"),
        (lambda: _environment(num_envs=2.0), "num_envs: 2.0 is not an integer"),
        (lambda: _environment(num_envs=True), "num_envs: True is not an integer"),
        (lambda: _environment(seed="1"), "seed: '1' is not an integer"),
        (lambda: _environment(seed=-1), "seed: -1 is not at least 0"),
        (lambda: Environment("default", num_maps="3"), "num_maps: '3' is not an integer"),
        (lambda: Environment("default", width="3"), "width: '3' is not an integer"),
        (lambda: NumpyEnv("default", num_agents="3"), "num_agents: '3' is not an integer"),
        (lambda: NumpyEnv("default", map_seed="3"), "map_seed: '3' is not an integer"),
        (lambda: VectorEnv(worlds.pair().grid, "2"), "num_envs: '2' is not a positive integer"),
        (lambda: GymnasiumEnv(worlds.pair(), agent="1", others="idle"), r"agent: '1' is not in 0\.\.1"),
        (lambda: GymnasiumVectorEnv(worlds.alone(), autoreset="never"), "autoreset: 'never' is not one of"),
    ],
)
def test_text_for_a_number_is_refused_by_name(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        build()


def test_numpy_text_and_booleans_are_not_integers() -> None:
    for value in (np.str_("7"), np.bool_(True)):
        with pytest.raises(ConfigError, match="max_steps: Input should be a valid integer"):
            GameConfig.model_validate(game(max_steps=value))
