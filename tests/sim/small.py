"""One tiny world with everything that a replay can show, one tiny policy, and one evaluation that all tests share."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import jax

from metta_jax.agent import Agent
from metta_jax.config import SimulationSuiteConfig, SingleEnvSimulationConfig
from metta_jax.mapgen import FixedMap
from metta_jax.sim import Simulation
from metta_jax.sim.episodes import PlayedEpisode, play_episodes
from metta_jax.sim.world import make_world
from tests.agent.facts import small_config

NUM_STEPS = 100
NUM_EPISODES = 3

MAP = (
    ("wall", "wall", "wall", "wall", "wall", "wall"),
    ("wall", "block", "agent.agent", "block", "mine_red", "wall"),
    ("wall", "mine_red", "block", "agent.agent", "block", "wall"),
    ("wall", "empty", "altar", "mine_red", "agent.agent", "wall"),
    ("wall", "wall", "wall", "wall", "wall", "wall"),
)

# All actions, few cells, and objects next to everybody: random agents get, put, swap, attack and change their looks.
OVERRIDES: dict[str, Any] = {
    "game": {
        "max_steps": NUM_STEPS,
        "num_agents": 3,
        "obs_width": 5,
        "obs_height": 5,
        "num_observation_tokens": 24,
        "actions": {"change_glyph": {"enabled": True, "number_of_glyphs": 3}},
        "objects": {
            "mine_red": {"initial_resource_count": 2, "max_output": 2, "conversion_ticks": 2, "cooldown": 3},
            "altar": {"input_resources": {"ore_red": 1}, "show_recipe_inputs": True},
        },
    },
    "map_builder": FixedMap(MAP),
}


def config(**changes: Any) -> SingleEnvSimulationConfig:
    fields = {"env": "default", "num_episodes": NUM_EPISODES, "env_overrides": OVERRIDES}
    return SingleEnvSimulationConfig.model_validate(fields | changes)


def agent_config() -> dict[str, Any]:
    embeddings = {"type": "ActionEmbedding", "num_embeddings": 40, "embedding_dim": 4}
    return small_config(_action_embeds_=embeddings)


@functools.cache
def policy(seed: int = 0) -> tuple[Agent, Any]:
    """A policy that acts almost at random."""
    world = make_world(config(), seed=0, num_episodes=1, stats="none")
    agent = Agent(world.grid, agent_config())
    return agent, agent.init(jax.random.key(seed))


def record(seed: int = 0, uri: str | None = "file://policies/model_0007", epoch: int = 7) -> Any:
    """What the store calls a policy record."""
    agent, params = policy(seed)
    return SimpleNamespace(uri=uri, metadata={"epoch": epoch}, agent=agent, params=params, policy=(agent, params))


class Store:
    """A policy store that knows records by uri."""

    def __init__(self, **records: Any):
        self.records = records

    def policy_record(self, uri: str) -> Any:
        return self.records[uri]


def suite_config(**simulations: Any) -> SimulationSuiteConfig:
    return SimulationSuiteConfig.model_validate({"name": "tiny_suite", "simulations": simulations})


def simulation(name: str = "navigation/tiny", policy_pr: Any = None, **options: Any) -> Simulation:
    """A recorded simulation: with other options than these another program would be compiled."""
    settings = options.pop("config", None) or config()
    return Simulation(name, settings, policy_pr or record(), **options)


@functools.cache
def wide_policy() -> Any:
    """A policy for windows of 7 x 7."""
    overrides = {**OVERRIDES, "game": {**OVERRIDES["game"], "obs_width": 7, "obs_height": 7}}
    settings = SingleEnvSimulationConfig(
        env="default", env_overrides={**overrides, "game": {**OVERRIDES["game"], **overrides["game"]}}
    )
    world = make_world(settings, seed=0, num_episodes=1, stats="none")
    agent = Agent(world.grid, agent_config())
    found = record()
    found.agent, found.params = agent, agent.init(jax.random.key(0))
    return found


@functools.cache
def played() -> tuple[Simulation, tuple[PlayedEpisode, ...]]:
    """The episodes of the shared simulation, with states and frames."""
    shared = simulation()
    batches = play_episodes(shared.world, shared.players, shared._key, NUM_EPISODES, max_time_s=1e9, record=True)
    return shared, tuple(episode for batch in batches for episode in batch)
