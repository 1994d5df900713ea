"""Evaluation in one call, and replays from inside a training loop."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from metta_jax.agent import Agent
from metta_jax.config import EnvConfig, SimulationConfig, SingleEnvSimulationConfig
from metta_jax.mapgen import FixedMap
from metta_jax.sim import (
    evaluate_policy,
    read_replay,
    write_training_replay,
)
from metta_jax.sim.numbers import episode_numbers
from metta_jax.sim.one_liners import simulations_in
from metta_jax.sim.world import make_world, resolve_env
from metta_jax.worlds.environment import Environment
from tests.agent.facts import small_config
from tests.mettagrid.small_world import MAP, game_config
from tests.rl.probes import ProbeEnv
from tests.sim import small


def test_evaluate_policy_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """In a world without walls to stop it a policy of NaNs takes ore (action 0) in vain: there is none above it."""
    world = EnvConfig(game=game_config(max_steps=5), map_builder=FixedMap(tuple(map(tuple, MAP))))
    settings = SingleEnvSimulationConfig(env=world)
    grid = make_world(settings, seed=0, num_episodes=1, stats="none").grid
    agent = Agent(grid, small_config(cnn1={
        "type": "Conv2d", "sources": [{"name": "obs_normalizer"}],
        "nn_params": {"out_channels": 2, "kernel_size": 3, "stride": 1, "padding": 0},
    }))  # fmt: skip
    params = agent.init(jax.random.key(0))
    nans = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), params)
    rewards = {f"{kind}_reward{end}": 0.0 for kind in ("mean", "std") for end in ("", "_sum", "_per_agent")}
    expected = {**rewards, "mean_length": 5.0, "std_length": 0.0}
    assert evaluate_policy((agent, nans), world, 2, render=True) == expected
    assert capsys.readouterr().out == "#####\n#@ @#\n#?  #\n"
    assert evaluate_policy((agent, params), world, 2)["mean_length"] == 5.0


def test_numbers_say_whether_they_are_sums() -> None:
    numbers = episode_numbers([2.0, 4.0], [5, 7], num_agents=4)
    assert numbers["mean_reward"] == numbers["mean_reward_sum"] == 3.0
    assert numbers["std_reward"] == numbers["std_reward_sum"] == 1.0
    assert (numbers["mean_reward_per_agent"], numbers["std_reward_per_agent"]) == (0.75, 0.25)
    assert (numbers["mean_length"], numbers["std_length"]) == (6.0, 1.0)


def test_simulate_takes_the_worlds_of_evaluate_policy() -> None:
    config, world = small.config(num_episodes=2), resolve_env(small.config())
    env = Environment("forage", num_maps=1)
    assert simulations_in([config, env]) == {"default": config, "forage": {"env": env.env_config}}
    assert simulations_in([Environment(env_config=world, num_maps=1)]) == {"custom": {"env": world}}
    with pytest.raises(ValueError, match="worlds: two of them are called 'default'"):
        simulations_in([config, "default"])


def test_no_replay_where_none_is_due() -> None:
    settings = SimulationConfig(replay_interval=10, replay_dir="")
    policy, env = small.policy(), small.config().env
    assert write_training_replay(policy, env, settings, epoch=5) is None
    assert write_training_replay(policy, env, SimulationConfig(replay_interval=0), epoch=0) is None
    with pytest.raises(ValueError, match="replay_dir: '' is no directory"):
        write_training_replay(policy, env, settings, epoch=10)


def test_a_replay_needs_a_world(tmp_path: Path) -> None:
    """An environment of one's own was taken for a world, and every field of a world found missing."""
    settings = SimulationConfig(replay_interval=10, replay_dir=str(tmp_path))
    problem = "^env: ProbeEnv has no env_config, the world to play in; give a world instead$"
    with pytest.raises(ValueError, match=problem):
        write_training_replay(small.policy(), ProbeEnv(), settings, epoch=10)
    with pytest.raises(ValueError, match=problem):
        evaluate_policy(small.policy(), ProbeEnv())


class Pretending(dict):
    """A mapping for a world that also has attributes of an Environment's names."""

    env_config, task_names = None, ("another",)


def test_only_environments_are_asked_for_their_world() -> None:
    world = resolve_env(small.config())
    given = Pretending(world.model_dump(mode="json"))
    ((name, simulation),) = simulations_in([given]).items()
    assert (name, simulation["env"]) == ("custom", given)


@pytest.mark.slow
def test_a_replay_while_training(tmp_path: Path) -> None:
    env = Environment(env_config=resolve_env(small.config()))
    settings = SimulationConfig(replay_interval=10, replay_dir=str(tmp_path / "configured"))
    for place, directory in {tmp_path / "given": tmp_path / "given", tmp_path / "configured": None}.items():
        url = write_training_replay(small.policy(), env, settings, 20, replay_dir=directory)
        assert Path(str(url)).is_relative_to(place)
        assert read_replay(str(url)).num_steps == small.NUM_STEPS
