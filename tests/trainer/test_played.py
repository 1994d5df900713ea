"""Replays and evaluations that are impossible are refused at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metta_jax.config import SimulationConfig, SimulationSuiteConfig
from metta_jax.trainer import make_run, train
from metta_jax.trainer.played import check_what_is_played
from metta_jax.worlds import get
from metta_jax.worlds.environment import Environment
from tests.rl.probes import ProbeEnv

SMALL: dict[str, Any] = {"num_envs": 1, "bptt_horizon": 4, "minibatch_size": 8, "total_timesteps": 8}


def _endless() -> Environment:
    return Environment(env_config=get("default").replace({"game": {"max_steps": 0}}), num_envs=1, num_maps=1)


def _suite(**override: Any) -> SimulationSuiteConfig:
    simulations = {"good": {"env": "default"}, "b": {"env": "forage", "env_overrides": {"game": override}}}
    return SimulationSuiteConfig.model_validate({"name": "s", "simulations": simulations})


def test_replays_of_a_world_without_end() -> None:
    problem = r"^simulation.replay_interval: 300: no replay .*max_steps: 0 means no limit.*; 0 means no replays$"
    with pytest.raises(ValueError, match=problem):
        check_what_is_played(SimulationConfig(replay_interval=300), _endless(), None)
    check_what_is_played(SimulationConfig(replay_interval=0), _endless(), None)
    check_what_is_played(SimulationConfig(replay_interval=300), Environment("default", num_maps=1), None)
    check_what_is_played(SimulationConfig(replay_interval=300), ProbeEnv(), None)


def test_evaluation_in_a_world_without_end() -> None:
    config = SimulationConfig(replay_interval=0, evaluate_interval=300)
    with pytest.raises(ValueError, match=r"^suite s: simulation b: env.game.max_steps: 0 means no limit"):
        check_what_is_played(config, _endless(), _suite(max_steps=0))
    with pytest.raises(ValueError, match=r"^suite s: simulation b: .*max_stepz"):
        check_what_is_played(config, _endless(), _suite(max_stepz=3))
    check_what_is_played(config, _endless(), _suite(max_steps=3))
    with pytest.raises(ValueError, match=r"^stats: '/what\?/stats' has a question mark"):
        check_what_is_played(config, _endless(), _suite(max_steps=3), "/what?/stats")
    check_what_is_played(config.replace(evaluate_interval=0), _endless(), _suite(max_steps=0))


def test_a_run_is_refused_before_it_begins(tmp_path: Path) -> None:
    run = make_run("default", run_dir=str(tmp_path), environment={"num_agents": 2, "num_maps": 1}, **SMALL)
    assert run.trainer.simulation.evaluate_interval > 1
    with pytest.raises(ValueError, match=r"^suite s: simulation b: env.game.max_steps"):
        train(run, suite=_suite(max_steps=0), show_progress=False)
    assert not (tmp_path / "metrics.jsonl").exists()
