"""Evaluation suites: their simulations, and the worlds that these name."""

from __future__ import annotations

from collections import Counter

import pytest

from metta_jax import worlds
from metta_jax.config import SimulationSuiteConfig


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("arena", {"arena": 5}),
        ("navigation", {"navigation": 26, "systematic_exploration_memory": 16}),
        ("object_use", {"object_use": 13}),
        ("nav_sequence", {"navigation_sequence": 16}),
        ("memory", {"memory": 25}),
        ("systematic_exploration", {"systematic_exploration_memory": 16}),
        (
            "all",
            {"arena": 3, "navigation": 26, "object_use": 13, "navigation_sequence": 16, "memory": 23}
            | {"systematic_exploration_memory": 18},
        ),
        ("all_tokenized", {"navigation": 26, "object_use": 13, "memory": 15, "systematic_exploration_memory": 16}),
        ("smoke_test", {"navigation": 1}),
        ("simple", {"simple": 1}),
        ("guide", {"navigation": 2}),
    ],
)
def test_simulations(name: str, categories: dict[str, int]) -> None:
    suite = worlds.suites.get_suite(name)
    assert isinstance(suite, SimulationSuiteConfig)
    assert suite.name == name
    assert Counter(simulation.split("/")[0] for simulation in suite.simulations) == categories
    assert {simulation.env for simulation in suite.simulations.values()} <= set(worlds.list())
    expected = {"guide": (5, 30.0), "smoke_test": (1, 10.0)}.get(name, (1, 60.0))
    assert {(one.num_episodes, one.max_time_s) for one in suite.simulations.values()} == {expected}


def test_every_suite_is_in_the_table_above() -> None:
    assert len(worlds.suites.list_suites()) == 11


def test_names_of_simulations_lead_to_worlds() -> None:
    assert worlds.suites.simulations_of("arena") == {
        f"arena/{name}": f"arena/{name}" for name in ("basic", "combat", "advanced", "tag", "advanced_poor")
    }
    assert worlds.suites.simulations_of("smoke_test") == {
        "navigation/emptyspace_withinsight": "navigation/evals/emptyspace_withinsight"
    }
    assert worlds.suites.simulations_of("guide") == {"navigation/simple": "simple", "navigation/medium": "medium"}
    exploration = worlds.suites.simulations_of("systematic_exploration")
    assert not {"systematic_exploration_memory/spiral_chamber", "systematic_exploration_memory/tease_small"} & set(
        exploration
    )


def test_options() -> None:
    suite = worlds.suites.get_suite("simple", num_episodes=3)
    assert suite.simulations["simple"].num_episodes == 3
    with pytest.raises(ValueError, match="num_episodes"):
        worlds.suites.get_suite("simple", num_episodes=0)


def test_unknown_suite() -> None:
    with pytest.raises(ValueError, match=r"^suites: no suite 'navigaton' \(did you mean 'navigation'\?\)$"):
        worlds.suites.get_suite("navigaton")
