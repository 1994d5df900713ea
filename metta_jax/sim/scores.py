"""How well a policy did, by simulation and by category."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from metta_jax.config import SimulationSuiteConfig
from metta_jax.sim.eval_stats_db import EvalStatsDB

if TYPE_CHECKING:
    from metta_jax.sim.simulation import SimulationResults
    from metta_jax.sim.suite import SimulationSuite


@dataclasses.dataclass(frozen=True)
class EvalRewardSummary:
    """Mean rewards of agents. `simulation_scores` is by (category, last part of the simulation's name)."""

    category_scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    simulation_scores: Mapping[tuple[str, str], float] = dataclasses.field(default_factory=dict)

    @property
    def avg_category_score(self) -> float:
        """The plain mean, 0 without any."""
        return _mean(self.category_scores.values())

    @property
    def avg_simulation_score(self) -> float:
        """The plain mean, 0 without any."""
        return _mean(self.simulation_scores.values())

    def to_metrics(self) -> dict[str, float]:
        """{"<category>/score": ..., "<category>/<simulation>": ...}, for a log."""
        metrics = {f"{category}/score": score for category, score in self.category_scores.items()}
        return metrics | {f"{category}/{name}": score for (category, name), score in self.simulation_scores.items()}

    def to_metadata(self) -> dict[str, Any]:
        """What is stored with the policy that was scored, and what the selector "top" compares.

        evals: {category_scores, simulation_scores by `<category>/<simulation>`, avg_category_score,
        avg_simulation_score}; avg_reward, the mean over categories; score, the mean over simulations.
        """
        evals = {
            "category_scores": dict(self.category_scores),
            "simulation_scores": {"/".join(names): score for names, score in self.simulation_scores.items()},
            "avg_category_score": self.avg_category_score,
            "avg_simulation_score": self.avg_simulation_score,
        }
        return {"evals": evals, "avg_reward": self.avg_category_score, "score": self.avg_simulation_score}


def category_of(name: str) -> str:
    """The text before the first `/` of a simulation's name."""
    return name.partition("/")[0]


def score_policy(
    db: EvalStatsDB, policy_key: str, policy_version: int, names: Iterable[str] | None = None
) -> EvalRewardSummary:
    """Scores of a policy from the rewards in a database.

    A sample is an agent of the policy in an episode; one without a reward counts as 0.

    Args:
      names: of the simulations that count; None: all.
    """
    found = db.rows(
        "SELECT ps.sim_name, SUM(COALESCE(CAST(am.value AS DOUBLE), 0)), COUNT(*) "
        "FROM policy_simulation_agent_samples ps LEFT JOIN agent_metrics am "
        "ON am.episode_id = ps.episode_id AND am.agent_id = ps.agent_id AND am.metric = 'reward' "
        "WHERE ps.policy_key = ? AND ps.policy_version = ? GROUP BY ps.sim_name ORDER BY ps.sim_name",
        [policy_key, policy_version],
    )
    wanted = None if names is None else set(names)
    categories: dict[str, _Total] = {}
    simulations: dict[tuple[str, str], _Total] = {}
    for name, total, count in found:
        if wanted is None or name in wanted:
            category = category_of(name)
            categories.setdefault(category, _Total()).add(total, count)
            simulations.setdefault((category, name.rpartition("/")[2]), _Total()).add(total, count)
    return EvalRewardSummary(
        category_scores={name: total.mean for name, total in categories.items()},
        simulation_scores={name: total.mean for name, total in simulations.items()},
    )


def extract_scores(
    results: SimulationResults, suite: SimulationSuite | SimulationSuiteConfig | None = None
) -> EvalRewardSummary:
    """Scores of the evaluated policy.

    Args:
      results: of `Simulation.simulate` or `SimulationSuite.simulate`.
      suite: a SimulationSuite, its configuration, or None; only its simulations count.
    """
    config = suite if suite is None or isinstance(suite, SimulationSuiteConfig) else suite.config
    names = None if config is None else config.simulations
    return score_policy(results.stats_db, results.policy_key, results.policy_version, names)


@dataclasses.dataclass
class _Total:
    value: float = 0.0
    count: int = 0

    def add(self, value: float, count: int) -> None:
        self.value += value
        self.count += count

    @property
    def mean(self) -> float:
        return self.value / self.count


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 0.0
