"""How good a policy is, and what it does: simulations, their database, scores, and replays."""

from metta_jax.replays import Replay, read_replay, write_replay
from metta_jax.sim.eval_stats_db import EvalStatsDB
from metta_jax.sim.one_liners import evaluate_policy, simulate, write_training_replay
from metta_jax.sim.players import SimulationCompatibilityError
from metta_jax.sim.scores import EvalRewardSummary, extract_scores
from metta_jax.sim.simulation import Simulation, SimulationResults
from metta_jax.sim.stats_db import StatsDB
from metta_jax.sim.suite import SimulationSuite
from metta_jax.sim.urls import http_url, player_url

__all__ = [
    "EvalRewardSummary",
    "EvalStatsDB",
    "Replay",
    "Simulation",
    "SimulationCompatibilityError",
    "SimulationResults",
    "SimulationSuite",
    "StatsDB",
    "evaluate_policy",
    "extract_scores",
    "http_url",
    "player_url",
    "read_replay",
    "simulate",
    "write_replay",
    "write_training_replay",
]
