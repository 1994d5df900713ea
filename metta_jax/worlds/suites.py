"""Evaluation suites by name: which worlds a policy is played in, and what their results are called.

A simulation is called `<category>/<world>`; the category is what scores are averaged over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from metta_jax.config import SimulationSuiteConfig
from metta_jax.core.hints import hint
from metta_jax.worlds.families import family_worlds

_EXPLORATION = "systematic_exploration_memory"
_NOT_IN_EXPLORATION = ("spiral_chamber", "tease_small")
# Their maps are played in the part of systematic exploration.
_NOT_IN_ALL = ("lobster_legs_cues", "tease_small")


def list_suites() -> tuple[str, ...]:
    """The names of all suites, sorted."""
    return tuple(sorted(_SUITES))


def simulations_of(name: str) -> dict[str, str]:
    """Simulation name -> world name, of a suite.

    Raises:
      ValueError: there is no such suite; lists close matches.
    """
    if name not in _SUITES:
        raise ValueError(f"suites: no suite {name!r}{hint(name, list_suites())}")
    return _SUITES[name]()


def get_suite(name: str, **options: Any) -> SimulationSuiteConfig:
    """A suite, one episode and at most 60 seconds for each simulation unless the suite or `options` say otherwise.

    Args:
      name: see `list_suites`.
      options: fields of `SimulationSuiteConfig` except `name` and `simulations`.

    Raises:
      ValueError: no such suite, or an option that is not allowed.
    """
    simulations = {simulation: {"env": world} for simulation, world in simulations_of(name).items()}
    settings = {"num_episodes": 1, "max_time_s": 60, **_SETTINGS.get(name, {}), **options}
    return SimulationSuiteConfig.model_validate({"name": name, "simulations": simulations, **settings})


def _evals(category: str, leave_out: Iterable[str] = (), only: Iterable[str] | None = None) -> dict[str, str]:
    prefix = f"{category}/evals/"
    # Worlds that users register do not change what a suite is.
    names = [world.removeprefix(prefix) for world in sorted(family_worlds()) if world.startswith(prefix)]
    kept = [name for name in names if name not in set(leave_out) and (only is None or name in set(only))]
    return {f"{category}/{name}": f"{prefix}{name}" for name in kept}


def _arena(*names: str) -> dict[str, str]:
    return {f"arena/{name}": f"arena/{name}" for name in names}


def _exploration() -> dict[str, str]:
    return _evals(_EXPLORATION, leave_out=_NOT_IN_EXPLORATION)


def _all() -> dict[str, str]:
    return {
        **_arena("basic", "combat", "advanced"),
        **_evals("navigation"),
        **_evals("object_use"),
        **_evals("navigation_sequence"),
        **_evals("memory", leave_out=_NOT_IN_ALL),
        **_evals(_EXPLORATION),
    }


def _all_tokenized() -> dict[str, str]:
    """Of memory, the worlds whose maps are played in systematic exploration too."""
    exploration = _exploration()
    shared = [name.rpartition("/")[2] for name in exploration]
    return {
        **_evals("navigation"),
        **_evals("object_use"),
        **_evals("memory", only=shared),
        **exploration,
    }


_SUITES: Mapping[str, Callable[[], dict[str, str]]] = {
    "arena": lambda: _arena("basic", "combat", "advanced", "tag", "advanced_poor"),
    "navigation": lambda: {**_evals("navigation"), **_exploration()},
    "object_use": lambda: _evals("object_use"),
    "nav_sequence": lambda: _evals("navigation_sequence"),
    "memory": lambda: _evals("memory"),
    "systematic_exploration": _exploration,
    "all": _all,
    "all_tokenized": _all_tokenized,
    "smoke_test": lambda: _evals("navigation", only=("emptyspace_withinsight",)),
    "simple": lambda: {"simple": "simple"},
    "guide": lambda: {"navigation/simple": "simple", "navigation/medium": "medium"},
}
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "smoke_test": {"max_time_s": 10},
    "guide": {"num_episodes": 5, "max_time_s": 30},
}
