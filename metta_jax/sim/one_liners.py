"""Evaluation in one line, and replays from inside a training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, SimulationConfig, SimulationSuiteConfig, SingleEnvSimulationConfig
from metta_jax.mapgen import SYMBOLS
from metta_jax.mettagrid.inspect import grid_objects
from metta_jax.sim.episodes import PlayedEpisode, play_episodes
from metta_jax.sim.players import read_player
from metta_jax.sim.simulation import Simulation, SimulationResults
from metta_jax.sim.suite import SimulationSuite
from metta_jax.sim.world import SimWorld, make_world, map_size

World = str | EnvConfig | Mapping[str, Any]


def evaluate_policy(
    policy: Any,
    env_config: World,
    num_episodes: int = 10,
    device: Any = None,
    render: bool = False,
    *,
    key: jax.Array | None = None,
    greedy: bool = False,
) -> dict[str, float]:
    """Plays episodes in one world: {"mean_reward", "std_reward", "mean_length", "std_length"}.

    The reward of an episode is the sum over its agents, before group sharing; its length is in steps. Standard
    deviations divide by the number of episodes.

    Args:
      policy: a policy record, or a pair (agent, params).
      env_config: name of a world, or a configuration.
      device: a name such as "cpu" or "cuda:0"; None: JAX's default.
      render: prints the map as it is at the end of the first episode.
      key: typed key from which everything follows; None: `jax.random.key(0)`.
      greedy: the most probable action is taken; otherwise actions are drawn.
    """
    config = SingleEnvSimulationConfig.model_validate({"env": env_config, "num_episodes": num_episodes})
    map_key, play_key = jax.random.split(jax.random.key(0) if key is None else key)
    seed = int(jax.random.bits(map_key, (), "uint32"))
    world = make_world(config, seed=seed, num_episodes=num_episodes, stats="none")
    players = [(read_player(policy).bind(world.grid), world.grid.num_agents)]
    rewards, lengths = [], []
    options: dict[str, Any] = {"max_time_s": math.inf, "greedy": greedy, "device": find_device(device)}
    for batch in play_episodes(world, players, play_key, num_episodes, **options):
        for episode in batch:
            rewards.append(float(np.sum(episode.state.episode_return, dtype=np.float64)))
            lengths.append(int(episode.state.step))
            if render and episode.number == 0:
                print(_drawn(world, episode))
    return {
        "mean_reward": float(np.mean(rewards)),
        "std_reward": float(np.std(rewards)),
        "mean_length": float(np.mean(lengths)),
        "std_length": float(np.std(lengths)),
    }


def simulate(policy: Any, worlds: World | Sequence[str], num_episodes: int = 1, **options: Any) -> SimulationResults:
    """Plays a policy in one or several worlds: `simulate(record, ["arena/basic", "simple"], num_episodes=4)`.

    Args:
      policy: a policy record, or a pair (agent, params).
      worlds: name of a world, several names, or a configuration.
      options: of `SimulationSuite`, such as `replay_dir`, `stats_dir`, `key`.
    """
    several = isinstance(worlds, Sequence) and not isinstance(worlds, str)
    simulations = {name: {"env": name} for name in worlds} if several else {_name(worlds): {"env": worlds}}
    config = SimulationSuiteConfig.model_validate(
        {"name": "simulate", "num_episodes": num_episodes, "max_time_s": 1e9, "simulations": simulations}
    )
    return SimulationSuite(config, policy, **options).simulate()


def write_training_replay(
    policy: Any,
    env: Any,
    config: SimulationConfig,
    epoch: int,
    *,
    replay_dir: str | os.PathLike[str] | None = None,
    key: jax.Array | None = None,
    **options: Any,
) -> str | None:
    """A replay of one episode every `config.replay_interval` epochs of a training run.

    Args:
      policy: a policy record, or a pair (agent, params): `(agent, state.params)`.
      env: the Environment that is trained in, or a world as in `SingleEnvSimulationConfig.env`.
      replay_dir: where it goes; None: `config.replay_dir`.
      options: of `Simulation`.

    Returns:
      The address of the replay; None in epochs without one.

    Raises:
      ValueError: no directory is given.
    """
    if not config.replay_interval or epoch % config.replay_interval:
        return None
    directory = replay_dir if replay_dir is not None else config.replay_dir
    if not os.fspath(directory):
        raise ValueError("replay_dir: '' is no directory; set simulation.replay_dir or give replay_dir")
    world = getattr(env, "env_config", env)
    single = SingleEnvSimulationConfig.model_validate({"env": world, "num_episodes": 1, "max_time_s": 1e9})
    name = f"replay_epoch_{epoch}"
    with Simulation(name, single, policy, replay_dir=directory, key=key, **options).simulate() as results:
        return results.stats_db.get_replay_urls()[0]


def _name(world: Any) -> str:
    return world if isinstance(world, str) else "custom"


def _drawn(world: SimWorld, episode: PlayedEpisode) -> str:
    width, height = map_size(world.maps[int(episode.state.map_index)])
    cells = [[" "] * width for _ in range(height)]
    for thing in grid_objects(world.layout, jax.device_get(world.params), episode.state).values():
        name = thing["type_name"]
        symbols = SYMBOLS.get(f"agent.{thing['group_name']}" if name == "agent" else name, "?")
        cells[thing["r"]][thing["c"]] = symbols[0]
    return "\n".join("".join(row) for row in cells)
