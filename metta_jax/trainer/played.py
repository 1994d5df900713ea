"""Checks the replays and evaluations of a run before hours are spent on training."""

from __future__ import annotations

from metta_jax.config import SimulationConfig, SimulationSuiteConfig, SingleEnvSimulationConfig
from metta_jax.config.database_path import database_path
from metta_jax.mettagrid import BatchEnv
from metta_jax.sim.world import playable_env


def check_what_is_played(
    config: SimulationConfig, env: BatchEnv, suite: SimulationSuiteConfig | None, stats_dir: str = ""
) -> None:
    """Raise ValueError for replays or an evaluation that would fail when they are first due.

    Args:
      env: the Environment to train in, which replays record; an environment without an
        `env_config` is not checked.
      suite: where policies are evaluated; None: nowhere. stats_dir: where their statistics go.
    """
    world = env.env_config
    if config.replay_interval and world is not None:
        try:
            playable_env(SingleEnvSimulationConfig.model_validate({"env": world}))
        except ValueError as error:
            problem = (
                f"simulation.replay_interval: {config.replay_interval}: no replay of this world can be made: {error}"
            )
            raise ValueError(f"{problem}; 0 means no replays") from None
    if suite is None or not config.evaluate_interval:
        return
    database_path("stats", stats_dir)
    for name, simulation in suite.simulations.items():
        try:
            playable_env(simulation)
        except ValueError as error:
            raise ValueError(f"suite {suite.name}: simulation {name}: {error}") from None
