"""Evaluation in one line, and replays from inside a training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import jax
import numpy as np

from metta_jax.agent.device import find_device
from metta_jax.config import EnvConfig, SimulationConfig, SimulationSuiteConfig, SingleEnvSimulationConfig
from metta_jax.core.device import Device
from metta_jax.mapgen import SYMBOLS
from metta_jax.mettagrid import BatchEnv
from metta_jax.mettagrid.inspect import grid_objects
from metta_jax.sim.episodes import PlayedEpisode, play_episodes
from metta_jax.sim.numbers import episode_numbers
from metta_jax.sim.players import PlayedPolicy, read_player
from metta_jax.sim.simulation import Simulation, SimulationResults, typed_key
from metta_jax.sim.suite import SimulationSuite
from metta_jax.sim.world import SimWorld, make_world, map_size
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.source import WorldSource, world_name

PlayedWorld: TypeAlias = WorldSource | SingleEnvSimulationConfig | Environment
"""Where a policy is evaluated: a world, see `worlds.read`, with its settings or not, or an Environment of it."""


def evaluate_policy(
    policy: PlayedPolicy,
    env_config: PlayedWorld,
    num_episodes: int = 10,
    device: Device | str | None = None,
    render: bool = False,
    *,
    key: jax.Array | None = None,
    greedy: bool = False,
) -> dict[str, float]:
    """Play episodes in one world and return their statistics; `simulate` takes the same arguments and keeps more.

    "mean_reward_sum" adds up the rewards of all agents in an episode, before group sharing, "mean_reward_per_agent" is
    their mean; "mean_length" is in steps. Each has a "std_...", which divides by the number of episodes. "mean_reward"
    and "std_reward" are the original's names of the sums.

    Args:
      policy: a policy record, or a pair (agent, params).
      env_config: a world, see `worlds.read`, a SingleEnvSimulationConfig, or an Environment, whose world it is.
      device: a name such as "cpu" or "cuda:0"; None: JAX's default.
      render: prints the map at the end of the first episode.
      key: typed key from which everything follows; None: `jax.random.key(0)`.
      greedy: the most probable action is taken; otherwise actions are drawn.
    """
    player = read_player(policy)
    if isinstance(env_config, list | tuple):
        raise ValueError("env_config: is a list; evaluate_policy plays in one world, simulate in several")
    config = _single(env_config).replace(num_episodes=num_episodes)
    map_key, play_key = jax.random.split(typed_key(key))
    seed = int(jax.random.bits(map_key, (), "uint32"))
    world = make_world(config, seed=seed, num_episodes=num_episodes, stats="none", device=find_device(device))
    players = [(player.bind(world.grid), world.grid.num_agents)]
    rewards, lengths = [], []
    options: dict[str, Any] = {"max_time_s": math.inf, "greedy": greedy, "device": find_device(device)}
    for batch in play_episodes(world, players, play_key, num_episodes, **options):
        for episode in batch:
            rewards.append(float(np.sum(episode.state.episode_return, dtype=np.float64)))
            lengths.append(int(episode.state.step))
            if render and episode.number == 0:
                print(_drawn(world, episode))
    return episode_numbers(rewards, lengths, world.grid.num_agents)


def simulate(
    policy: PlayedPolicy,
    worlds: PlayedWorld | Sequence[PlayedWorld],
    num_episodes: int = 1,
    device: Device | str | None = None,
    *,
    key: jax.Array | None = None,
    greedy: bool = False,
    **options: Any,
) -> SimulationResults:
    """Play a policy in one or several worlds: `simulate(record, ["arena/basic", "simple"], num_episodes=4)`.

    `results.summary()` has the numbers of `evaluate_policy` for each world; `results.scores` are means per agent.

    Args:
      policy: a policy record, or a pair (agent, params).
      worlds: one or several of what `evaluate_policy` takes. A SingleEnvSimulationConfig that gives `num_episodes`
        keeps its own.
      device, key, greedy: as in `evaluate_policy`.
      options: of `SimulationSuite`, such as `replay_dir`, `stats_dir`.
    """
    several = worlds if isinstance(worlds, Sequence) and not isinstance(worlds, str) else [worlds]
    player = read_player(policy)  # first, since the two arguments are easily swapped
    simulations = simulations_in(cast(Sequence[PlayedWorld], several))
    config = SimulationSuiteConfig.model_validate(
        {"name": "simulate", "num_episodes": num_episodes, "max_time_s": 1e9, "simulations": simulations}
    )
    return SimulationSuite(config, player, device=device, key=key, greedy=greedy, **options).simulate()


def simulations_in(worlds: Sequence[PlayedWorld]) -> dict[str, Any]:
    """A simulation in each world, by the world's name, as `SimulationSuiteConfig` takes them.

    Raises a ValueError if two different worlds have the same name.
    """
    simulations: dict[str, Any] = {}
    for world in worlds:
        if isinstance(world, SingleEnvSimulationConfig):
            name, simulation = world_name(world.env), world
        else:
            source = world.env_config if isinstance(world, Environment) else world
            name, simulation = world_name(_only_task(world)), {"env": source}
        if simulations.setdefault(name, simulation) != simulation:
            raise ValueError(f"worlds: two of them are called {name!r}; a suite can give them other names")
    return simulations


def _only_task(world: Any) -> Any:
    """Give an Environment's world its name there, so that results have it; return other worlds unchanged."""
    names = world.task_names if isinstance(world, Environment) else ()
    return names[0] if len(names) == 1 and names[0] != "env_config" else world


def write_training_replay(
    policy: PlayedPolicy,
    env: WorldSource | SingleEnvSimulationConfig | BatchEnv,
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
      ValueError: no directory is given, or an environment that has no `env_config`.
    """
    if not config.replay_interval or epoch % config.replay_interval:
        return None
    directory = replay_dir if replay_dir is not None else config.replay_dir
    if not os.fspath(directory):
        raise ValueError("replay_dir: '' is no directory; set simulation.replay_dir or give replay_dir")
    single = _single(env).replace(num_episodes=1, max_time_s=1e9)
    name = f"replay_epoch_{epoch}"
    with Simulation(name, single, policy, replay_dir=directory, key=key, **options).simulate() as results:
        return results.stats_db.get_replay_urls()[0]


def _single(env: WorldSource | SingleEnvSimulationConfig | BatchEnv) -> SingleEnvSimulationConfig:
    """The configuration of a simulation in a world, however that is given."""
    if isinstance(env, SingleEnvSimulationConfig):
        return env
    world: WorldSource | None = env if isinstance(env, str | os.PathLike | Mapping | EnvConfig) else env.env_config
    if world is None:
        raise ValueError(f"env: {type(env).__name__} has no env_config, the world to play in; give a world instead")
    return SingleEnvSimulationConfig.model_validate({"env": world})


def _drawn(world: SimWorld, episode: PlayedEpisode) -> str:
    width, height = map_size(world.maps[int(episode.state.map_index)])
    cells = [[" "] * width for _ in range(height)]
    for thing in grid_objects(world.layout, jax.device_get(world.params), episode.state).values():
        name = thing["type_name"]
        symbols = SYMBOLS.get(f"agent.{thing['group_name']}" if name == "agent" else name, "?")
        cells[thing["r"]][thing["c"]] = symbols[0]
    return "\n".join("".join(row) for row in cells)
