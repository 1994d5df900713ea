"""Two devices make the run that one makes."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from metta_jax.agent import Agent
from metta_jax.config import EnvConfig, TrainerConfig
from metta_jax.mapgen import FixedMap
from metta_jax.parallel import (
    ENVS,
    DividedSizes,
    ShardedTraining,
    divide_training,
    env_mesh,
    shard_params,
    shard_train_state,
    shard_training,
    train_state_shardings,
)
from metta_jax.parallel.divided_env import DividedEnv, divide_env
from metta_jax.parallel.divided_gradient import divided_gradient
from metta_jax.rl import Training, TrainingComponents
from metta_jax.rl.minibatch import process_minibatch_update
from metta_jax.rl.programs import ACTING_FIELDS
from metta_jax.worlds.environment import Environment
from tests.agent.facts import facts_env, small_config
from tests.curriculum.mines import mines
from tests.mettagrid.small_world import MAP, game_config
from tests.parallel.runs import assert_close, assert_same_run, decided, exchanges, make_training
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config, manual_rollout, manual_update, variant


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    return make_training()


def test_there_are_two_devices() -> None:
    assert jax.device_count() == 2  # of conftest.py


@pytest.mark.parametrize("options", ["prioritized", "accumulated"])
def test_two_devices_make_the_same_run(options: str, caplog: pytest.LogCaptureFixture) -> None:
    training = make_training() if options == "prioritized" else variant(options)
    sharded = shard_training(training)
    two = assert_same_run(training, sharded, jax.random.key(3))
    assert float(
        jnp.abs(two.params["actor"]["kernel"] - sharded.init(jax.random.key(3)).params["actor"]["kernel"]).max()
    )
    assert int(two.agent_step) == 3 * 128
    with jax.log_compiles():
        sharded.train_step(two)
    assert "Compiling" not in caplog.text


def test_every_device_has_its_environments(training: TrainingComponents) -> None:
    state, _ = shard_training(training).train_step(shard_training(training).init(jax.random.key(0)))
    for array in (state.observation, state.env_state.step, state.experience.observation, state.experience.ratio):
        assert len(array.sharding.device_set) == 2
        assert {shard.data.shape[0] for shard in array.addressable_shards} == {array.shape[0] // 2}
    assert {shard.data.shape for shard in state.recurrent[0].addressable_shards} == {(1, 4, 16)}
    for array in (*jax.tree.leaves(state.params), state.key, state.env_state.key, state.epoch):
        assert array.sharding.is_fully_replicated
        assert len(array.sharding.device_set) == 2


def test_a_step_leaves_every_array_where_it_was(training: TrainingComponents) -> None:
    """So the program that was compiled for the first step serves all others."""
    sharded = shard_training(training)
    first = sharded.init(jax.random.key(0))
    kept = [(x.sharding, x.shape, x.dtype, x.aval.weak_type) for x in jax.tree.leaves(first)]
    state, _ = sharded.train_step(first)
    for (path, x), (sharding, *kind) in zip(jax.tree_util.tree_leaves_with_path(state), kept, strict=True):
        assert x.sharding.is_equivalent_to(sharding, x.ndim), jax.tree_util.keystr(path)
        assert [x.shape, x.dtype, x.aval.weak_type] == kind, jax.tree_util.keystr(path)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["default", "accumulated"])
def test_the_loop_by_hand_runs_on_both(options: str) -> None:
    training = variant(options)
    sharded = shard_training(training)
    one, two = training.init(jax.random.key(1)), sharded.init(jax.random.key(1))
    for _ in range(2):
        one, expected = manual_update(training, manual_rollout(training, one))
        two, actual = manual_update(sharded, manual_rollout(sharded, two))
        assert_close(actual, expected)
        assert sharded.episode_stats(two) == pytest.approx(training.episode_stats(one))
    assert_close(two, one)
    assert len(two.observation.sharding.device_set) == 2


def test_what_devices_exchange() -> None:
    """Nothing while they play; then all rows once, and of each minibatch the mean gradient and 4 bytes a step."""
    # Episodes are truncated: whether an observation must be valued is a question to one's own environments.
    env = Environment(env_config=mines(0.25, 3, episode_truncates=True), num_envs=8)
    training = TrainingComponents.create(env, ProbeAgent(), config(ppo={"norm_adv": True}))
    assert training.plan.values_truncated_episodes
    sharded = shard_training(training)
    one, two = training.init(jax.random.key(0)), sharded.init(jax.random.key(0))
    one, _ = training.rollout(one)
    two, _ = sharded.rollout(two)
    assert float(jnp.abs(one.experience.final_value).max()) > 0
    assert_close(two, one)
    programs, numbers = sharded.programs, sharded.hyperparameters
    rollout = programs.rollout.lower(numbers, env.params, two.replace(experience=None))
    assert exchanges(rollout.compile().as_text()) == []
    learning = two.replace(**dict.fromkeys(ACTING_FIELDS))
    update = exchanges(programs.update.lower(numbers, learning, two.experience).compile().as_text())
    assert sorted(update) == ["all-gather", "all-gather", "all-reduce"]


def test_shardings_by_name(training: TrainingComponents) -> None:
    shardings = train_state_shardings(training, jax.eval_shape(training.init, jax.random.key(0)))
    assert shardings.reward.spec == PartitionSpec(ENVS)
    assert shardings.recurrent[0].spec == PartitionSpec(None, ENVS)
    assert shardings.rollout_count.spec == PartitionSpec()
    state = shard_train_state(training, training.init(jax.random.key(0)), 1)
    assert len(state.reward.sharding.device_set) == 1
    assert shard_params({"a": jnp.ones(3)})["a"].sharding.is_fully_replicated


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"devices: 3 is not in 1\.\.2"):
        env_mesh(3)
    with pytest.raises(ValueError, match="devices: the list is empty"):
        env_mesh([])
    with pytest.raises(ValueError, match=r"^num_envs: 3 cannot be divided among 2 devices \(2 or 4 can\); or use 1 of"):
        shard_training(make_training(num_envs=3))
    one_row = TrainingComponents.create(ProbeEnv(num_envs=4), ProbeAgent(), config(minibatch_size=8))
    rows = (
        r"minibatch_size: 8, 1 rows of 8 steps, cannot be divided among 2 devices \(16 can\); or use 1 of the devices"
    )
    with pytest.raises(ValueError, match=f"^{rows}$"):
        shard_training(one_row)


def test_a_configuration_says_among_how_many_devices_a_run_is_divided(training: TrainingComponents) -> None:
    def with_devices(devices: Any) -> TrainingComponents:
        return dataclasses.replace(training, config=training.config.replace(devices=devices))

    assert divide_training(training) is training
    assert divide_training(with_devices(1)).device is None
    for devices in (2, "all"):
        divided = divide_training(with_devices(devices))
        assert isinstance(divided, ShardedTraining)
        assert divided.mesh.size == 2
        assert divide_training(divided) is divided
    with pytest.raises(ValueError, match=r"^devices: 3 is not in 1\.\.2, the number of available devices; 'all' uses"):
        divide_training(with_devices(3))


def test_sizes_that_can_be_divided() -> None:
    sizes = DividedSizes.of_config(TrainerConfig(batch_size=128, minibatch_size=32, bptt_horizon=8), 12)
    assert [sizes.fit(count) for count in range(1, 5)] == [True, True, False, True]
    assert (sizes.most_devices(3), sizes.most_devices(9), sizes.most_devices(1)) == (2, 4, 1)
    with pytest.raises(
        ValueError, match=r"^batch_size: 128, 16 rows of 8 steps, cannot .* 6 devices \(96 or 144 can\);"
    ):
        sizes.check(6)


def test_both_kinds_of_training_have_all_calls(training: TrainingComponents) -> None:
    calls = [name for name in vars(Training) if not name.startswith("_")]
    assert len(calls) > 25
    one: Training = training
    two: Training = shard_training(training)
    for name in calls:
        contract = getattr(Training, name)
        for run in (one, two):
            assert hasattr(run, name), name
            if callable(contract):
                there = [p.name for p in inspect.signature(getattr(type(run), name)).parameters.values()]
                assert there == [p.name for p in inspect.signature(contract).parameters.values()], name


@pytest.mark.slow
def test_the_engine_and_a_network_on_two_devices() -> None:
    """Observations, actions and rewards are those of one device; sums that are formed in another order may differ."""
    world = EnvConfig(game=game_config(), map_builder=FixedMap(tuple(map(tuple, MAP))))
    env = Environment(env_config=world, num_envs=4, num_maps=1)
    network = small_config()
    network["components"]["cnn1"]["nn_params"]["stride"] = 1
    training = TrainingComponents.create(env, Agent(env, network), config(optimizer={"learning_rate": 1e-3}))
    sharded = shard_training(training)
    one, two = training.init(jax.random.key(0)), sharded.init(jax.random.key(0))
    for _ in range(2):
        one, _ = training.train_step(one)
        two, _ = sharded.train_step(two)
    assert_close(decided(two.params), decided(one.params))
    assert_close(two.env_state, one.env_state)
    assert_close(two.experience, one.experience)
    assert len(two.env_state.env.grid.sharding.device_set) == 2
    assert not two.env_state.env.grid.sharding.is_fully_replicated


def test_the_gradient_is_divided_only_where_that_is_the_same(training: TrainingComponents) -> None:
    plan, mesh = training.plan, env_mesh()
    assert divided_gradient(plan, mesh) is not process_minibatch_update
    assert divided_gradient(plan, env_mesh(1)) is process_minibatch_update

    def own(*args: Any) -> Any:
        """It may look at all rows."""

    assert divided_gradient(dataclasses.replace(plan, loss_fn=own), mesh) is process_minibatch_update
    assert divided_gradient(dataclasses.replace(plan, advantage_fn=own), mesh) is process_minibatch_update
    assert divided_gradient(dataclasses.replace(plan, gradient_fn=own), mesh) is own
    layout = dataclasses.replace(plan.layout, rows_per_minibatch=3)
    assert divided_gradient(dataclasses.replace(plan, layout=layout), mesh) is process_minibatch_update


def test_a_network_that_mixes_rows_is_not_divided(training: TrainingComponents) -> None:
    env = facts_env()
    norm = {"type": "BatchNorm1d", "sources": [{"name": "flat"}]}
    encoded = {"type": "Linear", "sources": [{"name": "norm"}], "nn_params": {"out_features": 9}}
    mixing = Agent(env, small_config(norm=norm, encoded_obs=encoded))
    assert mixing.mixes_rows
    assert not Agent(env, small_config()).mixes_rows
    plan = dataclasses.replace(training.plan, agent=mixing)
    assert divided_gradient(plan, env_mesh()) is process_minibatch_update


def test_environments_of_a_class_of_ones_own_are_not_divided() -> None:
    world = EnvConfig(game=game_config(), map_builder=FixedMap(tuple(map(tuple, MAP))))
    mesh = env_mesh()
    one = Environment(env_config=world, num_envs=4, num_maps=1)
    assert isinstance(divide_env(one, mesh), DividedEnv)
    assert divide_env(one, mesh).num_agents == one.num_agents
    assert divide_env(one, env_mesh(1)) is one

    class Paid(Environment):
        """A step of its own, which a copy of the batch inside would pass by."""

    paid = Paid(env_config=world, num_envs=4, num_maps=1)
    assert divide_env(paid, mesh) is paid


def test_a_step_of_the_engine_asks_no_other_device() -> None:
    """The same numbers as on one device, from a program without a single collective operation."""
    world = EnvConfig(game=game_config(), map_builder=FixedMap(tuple(map(tuple, MAP))))
    env, mesh = Environment(env_config=world, num_envs=4, num_maps=1), env_mesh()
    one, _ = env.reset(env.params, jax.random.key(0))
    actions = jnp.stack([jnp.arange(8) % 3, jnp.zeros(8, jnp.int32)], -1).reshape(4, 2, 2).astype(jnp.int32)
    params = shard_params(env.params)
    two, placed = jax.device_put((one, actions), NamedSharding(mesh, PartitionSpec(ENVS)))
    step = jax.jit(divide_env(env, mesh).step).lower(params, two, placed).compile()
    assert exchanges(step.as_text()) == []
    plain = jax.jit(env.step)
    for _ in range(env.max_steps + 1):  # new episodes too
        two, actual = step(params, two, placed)
        one, expected = plain(env.params, one, actions)
        assert_close((two, actual), (one, expected))
    assert {len(array.sharding.device_set) for array in jax.tree.leaves(two)} == {2}
