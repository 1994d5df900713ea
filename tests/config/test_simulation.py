"""Simulations and suites of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from metta_jax.config import ConfigError, EnvConfig, SimulationSuiteConfig, SingleEnvSimulationConfig


def test_defaults() -> None:
    assert SingleEnvSimulationConfig(env="simple").model_dump() == {
        "env": "simple",
        "num_episodes": 1,
        "max_time_s": 120,
        "env_overrides": {},
        "npc_policy_uri": None,
        "policy_agents_pct": 1,
    }


def test_one_positional_mapping() -> None:
    config = SingleEnvSimulationConfig({"env": "simple", "max_time_s": 60})  # type: ignore
    assert config == SingleEnvSimulationConfig(env="simple", max_time_s=60)


ROOM = {"type": "RandomRoom", "width": 3, "height": 4}


def test_a_world_may_be_an_object(make_game: Any) -> None:
    world = {"game": make_game(), "map_builder": ROOM}
    config = SingleEnvSimulationConfig.model_validate({"env": world})
    assert config.env == EnvConfig.model_validate(world)
    assert SingleEnvSimulationConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "env: Field required"),
        ({"env": 3}, "env: Input should be the path of a world or an EnvConfig, not 3"),
        ({"env": {"game": 3, "map_builder": ROOM}}, r"env\.game: Input should be a valid dictionary"),
        ({"env": "a", "num_episodes": 0}, "num_episodes: 0 is not at least 1"),
        ({"env": "a", "max_time_s": 0}, "max_time_s: 0 is not above 0"),
        ({"env": "a", "policy_agents_pct": 0}, "policy_agents_pct: 0 is not above 0 and at most 1"),
        ({"env": "a", "policy_agents_pct": 1.5}, "policy_agents_pct: 1.5 is not above 0 and at most 1"),
    ],
)
def test_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        SingleEnvSimulationConfig(values)  # type: ignore


def test_snippet_of_the_guide() -> None:
    suite = SimulationSuiteConfig(
        name="evaluation",
        simulations={
            "navigation/simple": SingleEnvSimulationConfig(env="/env/mettagrid/simple", num_episodes=5, max_time_s=30),
            "navigation/medium": SingleEnvSimulationConfig(env="/env/mettagrid/medium", num_episodes=5, max_time_s=30),
        },  # type: ignore
    )
    assert list(suite.simulations) == ["navigation/simple", "navigation/medium"]
    assert suite.simulations["navigation/medium"].num_episodes == 5


def test_given_values_go_to_simulations_that_do_not_give_them() -> None:
    data = {
        "name": "a",
        "num_episodes": 5,
        "max_time_s": 30,
        "npc_policy_uri": "npc",
        "policy_agents_pct": 0.5,
        "simulations": {
            "mapping": {"env": "b"},
            "object": SingleEnvSimulationConfig(env="c"),  # its defaults do not count as given
            "own": SingleEnvSimulationConfig(env="d", num_episodes=1, npc_policy_uri=None),
        },
    }
    before = copy.deepcopy(data)
    suite = SimulationSuiteConfig.model_validate(data)
    filled = {"num_episodes": 5, "max_time_s": 30.0, "npc_policy_uri": "npc", "policy_agents_pct": 0.5}
    assert suite.simulations["mapping"] == SingleEnvSimulationConfig.model_validate({"env": "b", **filled})
    assert suite.simulations["object"] == SingleEnvSimulationConfig.model_validate({"env": "c", **filled})
    own = {"env": "d", **filled, "num_episodes": 1, "npc_policy_uri": None}
    assert suite.simulations["own"] == SingleEnvSimulationConfig.model_validate(own)
    assert data == before


def test_unset_values_leave_simulations_alone() -> None:
    suite = SimulationSuiteConfig.model_validate({"name": "a", "simulations": {"b": {"env": "c"}}})
    assert suite.simulations["b"] == SingleEnvSimulationConfig(env="c")
    assert suite.num_episodes is None


def test_overrides_are_merged_and_the_simulation_wins() -> None:
    suite = SimulationSuiteConfig.model_validate(
        {
            "name": "a",
            "env_overrides": {"game": {"max_steps": 10, "num_agents": 2}},
            "simulations": {"b": {"env": "c", "env_overrides": {"game": {"num_agents": 3}, "sampling": 1}}},
        }
    )
    assert suite.simulations["b"].env_overrides == {"game": {"max_steps": 10, "num_agents": 3}, "sampling": 1}
    assert suite.env_overrides == {"game": {"max_steps": 10, "num_agents": 2}}


def test_a_changed_suite_passes_the_new_values_down() -> None:
    suite = SimulationSuiteConfig.model_validate(
        {"name": "a", "num_episodes": 5, "simulations": {"b": {"env": "c"}, "d": {"env": "e", "num_episodes": 2}}}
    )
    changed = suite.replace(num_episodes=7)
    assert changed.simulations["b"].num_episodes == 7
    assert changed.simulations["d"].num_episodes == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a"}, "simulations: Field required"),
        ({"simulations": {"b": {"env": "c"}}}, "name: Field required"),
        ({"name": "a", "simulations": {}}, "simulations: at least one simulation is needed"),
        ({"name": "a", "simulations": {"b": {}}}, r"simulations\.b\.env: Field required"),
        ({"name": "a", "simulations": {"b": {"env": "c", "num_episodes": 0}}}, r"simulations\.b\.num_episodes: 0 is"),
        ({"name": "a", "num_episodes": 0, "simulations": {"b": {"env": "c"}}}, "num_episodes: 0 is not at least 1"),
        ({"name": "a", "episode_tags": "x", "simulations": {"b": {"env": "c"}}}, "episode_tags: Input should be"),
    ],
)
def test_suite_refuses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        SimulationSuiteConfig(values)  # type: ignore
