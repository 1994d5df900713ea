"""The configuration of a run is saved and comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.agent import Agent
from metta_jax.config import AgentConfig, PPOConfig, TrainerConfig
from metta_jax.config.errors import ConfigError
from metta_jax.monitor import RunConfig, load_run_config, save_run_config
from metta_jax.worlds.environment import Environment
from tests.agent.facts import small_config

ENVIRONMENT = {"curriculum_path": "forage", "num_envs": 3, "num_agents": 2, "width": 12, "height": 11, "seed": 5}
TRAINER = TrainerConfig(
    total_timesteps=10**12,
    batch_size=128,
    minibatch_size=32,
    bptt_horizon=8,
    env="simple",
    ppo=PPOConfig(clip_coef=0.3, target_kl=0.01),
    env_overrides={"game": {"num_agents": 2, "rooms": [1, [2, 3]]}},
    kickstart={"additional_teachers": [{"teacher_uri": "file:///x", "action_loss_coef": 0.5, "value_loss_coef": 1}]},
    lr_scheduler={"enabled": True, "warmup_steps": 3},
)


@pytest.mark.parametrize("agent", ["fast", AgentConfig(preset="default", clip_range=0.5), small_config()])
def test_it_comes_back(tmp_path: Path, agent: Any) -> None:
    path = save_run_config(tmp_path / "new", TRAINER, ENVIRONMENT, agent, seed=7, extra={"tags": ["a", None], "x": 0.1})
    run = load_run_config(tmp_path / "new")
    assert load_run_config(path) == run
    assert run.trainer == TRAINER
    assert dict(run.environment) == ENVIRONMENT
    assert run.agent == AgentConfig.model_validate(agent)
    assert (run.seed, run.extra) == (7, {"tags": ("a", None), "x": 0.1})
    assert run.versions["jax"] == jax.__version__
    assert [file.name for file in path.parent.iterdir()] == ["run_config.json"]


def test_defaults(tmp_path: Path) -> None:
    save_run_config(tmp_path, TrainerConfig(), {})
    run = load_run_config(tmp_path)
    assert (run.trainer, run.agent, run.seed) == (TrainerConfig(), AgentConfig(), 0)


def test_it_is_written_in_full(tmp_path: Path) -> None:
    """A run means the same after a default has changed."""
    data = json.loads(save_run_config(tmp_path, TrainerConfig(), {}).read_text())
    assert data["trainer"]["ppo"]["clip_coef"] == PPOConfig().clip_coef
    assert set(data["trainer"]) == set(TrainerConfig.model_fields)


def test_what_it_says_can_be_made(tmp_path: Path) -> None:
    save_run_config(tmp_path, TRAINER, ENVIRONMENT, "fast")
    run = load_run_config(tmp_path)
    env, same = Environment(**run.environment, num_maps=2), Environment(**ENVIRONMENT, num_maps=2)
    assert (env.num_envs, env.num_agents, env.map_width) == (3, 2, same.map_width)
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), env.params, same.params))
    assert Agent(env, run.agent).num_params() == Agent(same, "fast").num_params()


@pytest.mark.parametrize(
    ("environment", "extra", "message"),
    [
        ({"device": object}, {}, "environment.device: type is no type that JSON has"),
        ({}, {"a": {"b": [1, {2.5}]}}, "extra.a.b.1: frozenset is no type that JSON has"),
        ({}, {"x": float("nan")}, "extra: would not come back"),
        ({}, {"x": {1: 2}}, "extra: would not come back"),
    ],
)
def test_what_json_does_not_hold_is_refused(
    tmp_path: Path, environment: dict[str, Any], extra: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save_run_config(tmp_path, TRAINER, environment, extra=extra)
    assert list(tmp_path.iterdir()) == []


def test_a_network_in_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="agent: a object cannot be saved; give an AgentConfig"):
        save_run_config(tmp_path, TRAINER, {}, object())  # type: ignore[arg-type]


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_run_config(tmp_path)
    (tmp_path / "run_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"run_config.json: is not JSON"):
        load_run_config(tmp_path)
    path = save_run_config(tmp_path, TRAINER, ENVIRONMENT)
    data = json.loads(path.read_text())
    data["trainer"]["ppo"]["clip_coef"] = -1
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=r"trainer.ppo.clip_coef: -1"):
        load_run_config(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="JSON"):
        load_run_config(path)


def test_a_run_config_is_hashable() -> None:
    assert len({RunConfig(trainer=TRAINER, environment=ENVIRONMENT) for _ in range(2)}) == 1
