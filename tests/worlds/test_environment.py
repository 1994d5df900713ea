"""A named world as a batch of environments."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import metta_jax
from metta_jax import worlds
from metta_jax.agent import Agent
from metta_jax.config import EnvConfig, TrainerConfig
from metta_jax.mapgen import FixedMap
from metta_jax.rl import TrainingComponents
from metta_jax.rl.train_state import StepCounter
from metta_jax.worlds.environment import Environment


@pytest.fixture(scope="module")
def small() -> Environment:
    return Environment(num_agents=2, width=6, height=5, num_envs=3, num_maps=2, stats="none", is_training=False)


def test_the_default_world() -> None:
    env = Environment(num_maps=1)
    assert (env.num_envs, env.num_agents, env.map_width, env.map_height) == (1, 4, 36, 36)
    assert list(env.action_names) == [
        "attack", "change_color", "get_output", "move", "noop", "put_recipe_items", "rotate", "swap",
    ]  # fmt: skip
    assert sum(argument + 1 for argument in env.max_action_args) == 23
    assert tuple(env.inventory_item_names) == ("ore_red", "battery_red", "heart", "laser", "armor")
    assert (env.obs_width, env.obs_height, env.num_observation_tokens, env.max_steps) == (11, 11, 200, 1000)
    assert env.object_type_names[8] == "altar"
    features = env.get_observation_features()
    assert features["type_id"] == {"id": 0, "normalization": 1.0}
    assert env.feature_normalizations[features["inv:heart"]["id"]] == 100.0
    assert env.labels == ("random", "small")


def test_a_named_world_is_loaded() -> None:
    env = Environment("/env/mettagrid/arena/tag", num_maps=1)
    assert env.config == worlds.get("arena/tag").game
    assert (env.num_agents, env.map_width) == (24, 60)


def test_the_guides_calls() -> None:
    """Exactly num_envs environments, whatever the worker options say."""
    env = Environment(
        curriculum_path="/env/mettagrid/simple",
        num_envs=64,
        num_workers=4,
        batch_size=16,
        device="cpu",
        zero_copy=True,
        num_maps=1,
    )
    assert (env.num_envs, env.num_agents) == (64, 24)
    env = Environment(num_agents=4, width=32, height=32, device="cpu", num_envs=64, num_maps=1)
    assert (env.num_envs, env.num_agents, env.map_width) == (64, 4, 36)
    env.close()
    state, timestep = jax.eval_shape(env.reset, env.params, jax.random.key(0))  # nothing was closed
    assert (timestep.reward.shape, state.max_steps.shape) == ((64, 4), (64,))


def test_reset_and_step(small: Environment) -> None:
    state, timestep = jax.jit(small.reset)(small.params, jax.random.key(0))
    assert (timestep.observation.shape, timestep.observation.dtype) == ((3, 2, 200, 3), jnp.uint8)
    noop = small.action_names.index("noop")
    actions = jnp.zeros((3, 2, 2), jnp.int32).at[..., 0].set(noop)
    state, timestep = jax.jit(small.step)(small.params, state, actions)
    assert (timestep.reward.shape, timestep.reward.dtype) == ((3, 2), jnp.float32)
    assert bool(timestep.action_success.all())
    assert not bool(timestep.terminated.any())


def test_same_seed_same_maps() -> None:
    def maps(seed: int | None):
        env = Environment(num_agents=1, width=6, height=6, num_maps=3, seed=seed, stats="none")
        return jax.tree.map(np.asarray, env.params.maps)

    first, again, other = maps(None), maps(0), maps(1)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))


def test_a_given_configuration() -> None:
    game = worlds.get("default", num_agents=1).game
    config = EnvConfig(game=game, map_builder=FixedMap((("agent.agent", "altar"),)), labels=("mine",))
    env = Environment(env_config=config, num_envs=2, num_maps=1, stats="none")
    assert (env.num_envs, env.map_width, env.map_height, env.labels) == (2, 2, 1, ("mine",))


def test_arrays_go_to_the_device() -> None:
    second = jax.devices()[1]
    env = Environment(num_agents=1, width=5, height=5, num_maps=1, stats="none", device="cpu:1")
    assert {device for leaf in jax.tree.leaves(env.params) for device in leaf.devices()} == {second}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "^num_envs: 0 is not at least 1$"),
        ({"num_maps": 0}, "^num_maps: 0 is not at least 1$"),
        ({"seed": -1}, "^seed: -1 is not at least 0$"),
        ({"device": "cpu:7"}, "^device: 'cpu:7' is not available; JAX sees cpu:0, cpu:1"),
        ({"curriculum_path": "arena/basik"}, "did you mean 'arena/basic'"),
        ({"env_config": worlds.get("default"), "num_agents": 2}, "^num_agents: 2 is given together with env_config"),
        (
            {"env_config": {"game": worlds.get("default").game, "map_builder": {"width": 3}}},
            "^map_builder: type: missing",
        ),
    ],
)
def test_bad_options(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Environment(**options)


def test_make_is_the_short_way_to_an_environment() -> None:
    env = metta_jax.make("forage", num_envs=2, num_maps=1)
    assert isinstance(env, Environment)
    assert (env.num_envs, env.config) == (2, worlds.get("forage").game)
    with pytest.raises(ValueError, match="did you mean 'forage'"):
        metta_jax.make("foragee")


def test_actions_and_observations_are_described(small: Environment) -> None:
    table = small.flat_actions
    assert (table.shape, table.dtype) == ((small.num_flat_actions, 2), np.int32)
    assert [tuple(pair) for pair in table] == [
        (kind, argument) for kind, most in enumerate(small.max_action_args) for argument in range(most + 1)
    ]
    actions = jax.jit(small.action_space.sample, static_argnums=1)(jax.random.key(0), (3, 2))
    assert (actions.shape, actions.dtype) == ((3, 2, 2), small.action_space.dtype)
    assert small.action_space.contains(actions)
    assert small.action_space.shape == actions.shape[2:]
    for wrong in ([[len(small.action_names), 0]], [0, small.max_action_args[0] + 1], [0.0, 0.0], [0]):
        assert not small.action_space.contains(np.asarray(wrong))
    _, timestep = small.step(small.params, small.reset(small.params, jax.random.key(0))[0], actions)
    space = small.observation_space
    assert (space.shape, space.dtype, space.low, space.high) == ((200, 3), np.uint8, 0, 255)
    assert space.contains(timestep.observation)
    assert space.contains(timestep.observation[0, 0])
    assert not space.contains(np.zeros((200, 3), np.int32))
    assert not space.contains(np.zeros((199, 3), np.uint8))
    assert space.contains(space.sample(jax.random.key(0), (2,)))


def test_every_flat_action_is_drawn(small: Environment) -> None:
    actions = small.action_space.sample(jax.random.key(0), (2000,))
    drawn = np.bincount(small.action_space.flat_index(np.asarray(actions)), minlength=small.num_flat_actions)
    assert drawn.min() > 2000 / small.num_flat_actions / 2


def test_reprs_fit_on_three_lines(small: Environment) -> None:
    agent = Agent(small, "fast")
    config = TrainerConfig(batch_size=96, minibatch_size=48, bptt_horizon=16)
    training = TrainingComponents.create(small, agent, config)
    state = jax.eval_shape(training.init, jax.random.key(0))
    vector_state, timestep = jax.eval_shape(small.reset, small.params, jax.random.key(0))
    several = Environment("curriculum/arena/random", num_maps=1)
    for thing in (small, several, small.mettagrid, small.vector, small.params, agent, training, state, timestep,
                  vector_state, vector_state.env):  # fmt: skip
        lines = repr(thing).splitlines()
        assert len(lines) <= 3, lines
        assert max(map(len, lines)) <= 120, lines
        assert type(thing).__name__ in lines[0]
    assert "num_envs=3, num_agents=2" in repr(small)
    assert f"{agent.num_params():,} parameters" in repr(agent)
    assert "batches of 96 agent steps" in repr(training)
    assert "reward=float32[3,2]" in repr(timestep)
    assert f"{agent.num_params():,} parameters" in repr(state)
    assert "epoch=3, agent_step=1,024" in repr(state.replace(epoch=jnp.int32(3), agent_step=StepCounter.create(1024)))
    printed: list[str] = []
    jax.jit(lambda state: printed.append(repr(state)))(vector_state.replace(env=None))  # inside of a program, too
    assert "max_steps=int32[3]" in printed[0]
