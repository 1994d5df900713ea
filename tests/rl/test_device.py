"""The environment's device is the run's: everything else comes to it, or is refused in one sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.agent import Agent
from metta_jax.config import EnvConfig
from metta_jax.mapgen import FixedMap
from metta_jax.parallel import shard_training
from metta_jax.rl import Teacher, TrainingComponents
from metta_jax.store import PolicyStore, load_train_state, save_train_state
from metta_jax.worlds.environment import Environment
from tests.agent.facts import small_config
from tests.mettagrid.small_world import MAP, game_config
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import assert_same, config


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedEnv(ProbeEnv):
    """The small environment on a device by name; None: nowhere by name."""

    device: Any = None

    @property
    def params(self) -> dict[str, jax.Array]:
        return jax.device_put(super().params, self.device)


def _training(device: Any = None, **options: Any) -> TrainingComponents:
    return TrainingComponents.create(PlacedEnv(device=device), ProbeAgent(), config(), **options)


def _places(tree: Any) -> set[Any]:
    return {device for leaf in jax.tree.leaves(tree) for device in leaf.devices()}


@pytest.mark.parametrize("number", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_parameters_from_anywhere_come_to_the_environment(number: int) -> None:
    """They were refused, and the message blamed the key."""
    first, second = jax.devices()
    here, there = (first, second) if number == 0 else (second, first)
    params = jax.device_put(ProbeAgent().init(jax.random.key(1)), there)
    key = jax.device_put(jax.random.key(0), there)
    teacher = Teacher(ProbeAgent(), params)
    training = _training(here, teachers=[teacher])
    assert training.device == here
    state = training.init(key, params)
    assert _places(state) == {here}
    assert _places(params) == {there}
    assert _places(training.train_step(state)[0]) == {here}


def test_without_a_name_the_default_device_is_the_run_s() -> None:
    """A store that loads to another device than the environment's would have drawn the whole run there."""
    first, second = jax.devices()
    training = _training()
    assert training.device is None
    params = jax.device_put(ProbeAgent().init(jax.random.key(1)), second)
    state = training.init(jax.random.key(0), params)
    assert _places(state) == {first}
    assert_same(state, training.init(jax.random.key(0), jax.device_put(params, first)))


def test_states_come_along_when_asked_to() -> None:
    first, second = jax.devices()
    state = _training(first).init(jax.random.key(0))
    training = _training(second)
    for call in (training.rollout, training.train_step, training.rollout_step):
        with pytest.raises(
            ValueError, match=r"^device: the state is on cpu:0, the environment on cpu:1.*\.place\(state"
        ):
            call(state)
    placed = training.place(state)
    assert _places(placed) == {second}
    assert _places(training.train_step(placed)[0]) == {second}


def test_a_state_is_loaded_to_the_environment(tmp_path: Path) -> None:
    first, second = jax.devices()
    saved = _training(first)
    state = saved.init(jax.random.key(0))
    save_train_state(tmp_path, state, saved)
    for device in (second, None):
        loaded = load_train_state(tmp_path, _training(device))
        assert _places(loaded) == {device or first}
        assert_same(loaded, state)


def _small_env(**options: Any) -> Environment:
    world = EnvConfig(game=game_config(), map_builder=FixedMap(tuple(map(tuple, MAP))))
    return Environment(env_config=world, num_envs=4, num_maps=1, **options)


def _network() -> dict[str, Any]:
    network = small_config()
    network["components"]["cnn1"]["nn_params"]["stride"] = 1
    return network


def test_an_agent_for_another_device_is_refused() -> None:
    env = _small_env(device="cpu:1")
    assert env.device == jax.devices()[1]
    with pytest.raises(ValueError, match=r"^device: the agent is for cpu:0, the environment on cpu:1;.*Environment\("):
        TrainingComponents.create(env, Agent(env, _network(), device="cpu"), config())
    in_config = Agent(env, {"device": "cpu:0", "agent": _network()})
    with pytest.raises(ValueError, match=r"^device: the agent is for cpu:0, the environment on cpu:1"):
        TrainingComponents.create(env, in_config, config())
    default = _small_env()
    assert default.device is None
    with pytest.raises(ValueError, match=r"the agent is for cpu:1, the environment on cpu:0 \(JAX's default\)"):
        TrainingComponents.create(default, Agent(default, _network(), device="cpu:1"), config())
    for agent in (Agent(default, _network(), device="cpu:0"), Agent(default, _network())):
        TrainingComponents.create(default, agent, config())
    TrainingComponents.create(env, Agent(env, _network(), device="cpu:1"), config())


def test_a_run_on_several_devices_is_not_sent_to_one() -> None:
    """An environment made with `device=`, as the advice for one device goes, could not be divided."""
    env = _small_env()
    agent = Agent(env, {"device": "cpu:1", "agent": _network()})
    for devices in (2, "all"):
        settings = config(devices=devices)
        problem = rf"^device: the agent is for cpu:1, .*; trainer\.devices {devices!r} .* leave out the agent's$"
        with pytest.raises(ValueError, match=problem):
            TrainingComponents.create(env, agent, settings)
        problem = rf"^device: cpu:1 was requested, .* cpu:0; trainer\.devices {devices!r} divides .*, so leave it out$"
        with pytest.raises(ValueError, match=problem):
            TrainingComponents.create(env, Agent(env, _network()), settings, device="cpu:1")


def test_a_policy_that_a_store_loads_elsewhere(tmp_path: Path) -> None:
    env = _small_env(device="cpu:1")
    agent = Agent(env, _network())
    assert agent.device is None
    PolicyStore(tmp_path).save(agent, agent.init(jax.random.key(0)), 1)
    record = PolicyStore({"checkpoint_dir": str(tmp_path), "device": "cpu:0"}).policy_record(tmp_path, "latest")
    assert _places(record.params) == {jax.devices()[0]}
    training = TrainingComponents.create(env, record.agent.bind(env), config())
    assert _places(training.place(record.params)) == {jax.devices()[1]}


def test_a_placed_environment_is_not_divided_among_devices() -> None:
    with pytest.raises(ValueError, match=r"^device: the environment was put on cpu:1.*among 2 devices"):
        shard_training(_training(jax.devices()[1]))
    shard_training(_training(jax.devices()[0]), 1)


def test_create_makes_sure_of_the_device() -> None:
    """As the original's `device=`; here the environment decides, so another one is an error."""
    first, second = jax.devices()

    def create(place: Any, device: Any) -> TrainingComponents:
        return TrainingComponents.create(PlacedEnv(device=place), ProbeAgent(), config(), device=device)

    assert create(second, "cpu:1").device == create(second, second).device == second
    assert create(None, first).device is None  # JAX's default
    for place, wanted, named in ((second, "cpu:0", "cpu:1"), (None, "cpu:1", "cpu:0")):
        with pytest.raises(
            ValueError, match=rf"^device: {wanted} was requested, but the environment is on {named} .*device='"
        ):
            create(place, wanted)
