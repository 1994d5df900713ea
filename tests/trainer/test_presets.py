"""Presets: settings of a run that go together."""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path

import pytest

from metta_jax.cli import command_line
from metta_jax.cli.run_options import given_file, run_from
from metta_jax.config import RUN_PRESETS, TrainerConfig
from metta_jax.monitor import RunConfig
from metta_jax.trainer import make_run

ROOT = Path(__file__).resolve().parents[2]


def _options(*arguments: str) -> argparse.Namespace:
    return command_line.parse(["train", *arguments])[1]


def _run(*arguments: str) -> RunConfig:
    options = _options(*arguments)
    return run_from(options, given_file(options))


def test_laptop_is_what_the_demo_does() -> None:
    demo = runpy.run_path(str(ROOT / "examples" / "run.py"), run_name="demo")
    run = make_run("forage", preset="laptop")
    assert run.environment["num_envs"] == demo["NUM_ENVS"]
    asked = argparse.Namespace(
        total_steps=run.trainer.total_timesteps, horizon=demo["HORIZON"], checkpoint_interval=50, evaluate_interval=300,
        replay_interval=300, out=run.trainer.run_dir, devices=1,
    )  # fmt: skip
    of_demo = demo["trainer_config"](asked, num_agents=4 * demo["NUM_ENVS"])
    for name in ("batch_size", "minibatch_size", "bptt_horizon", "ppo", "optimizer", "lr_scheduler", "update_epochs"):
        assert getattr(run.trainer, name) == getattr(of_demo, name), name


def test_original_has_the_numbers_of_the_classes() -> None:
    """8,192 agents: 2,048 environments of four. The sizes of a batch are those of a TrainerConfig."""
    run = make_run("forage", preset="original")
    assert run.environment["num_envs"] == 2048
    assert run.trainer == TrainerConfig(curriculum="forage")


@pytest.mark.parametrize("name", RUN_PRESETS)
def test_every_preset_fits_worlds_of_all_sizes(name: str) -> None:
    for world, num_agents in (("forage", 4), ("arena/basic", 24), ("debug", 2)):
        run = make_run(world, preset=name)
        agents = run.environment["num_envs"] * num_agents
        assert 0.9 * RUN_PRESETS[name].num_agents < agents <= RUN_PRESETS[name].num_agents
        assert run.trainer.batch_size == agents * run.trainer.bptt_horizon
        assert run.trainer.batch_size % run.trainer.minibatch_size == 0


def test_what_is_asked_for_goes_before_a_preset() -> None:
    run = _run("forage", "--preset", "laptop", "--num-envs", "8", "--set", "optimizer.learning_rate=1e-3")
    assert run.environment["num_envs"] == 8
    assert run.trainer.optimizer.learning_rate == 1e-3
    assert run.trainer.lr_scheduler.schedule_type == "linear"
    assert run.trainer.batch_size == 8 * 4 * 64


def test_without_a_preset_nothing_changes() -> None:
    run = make_run("forage")
    assert run.environment["num_envs"] == 64
    assert (run.trainer.batch_size, run.trainer.minibatch_size) == (16_384, 2048)
    assert run.trainer.optimizer == TrainerConfig().optimizer


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^preset: there is no 'labtop'; there are laptop, gpu, original$"):
        make_run("forage", preset="labtop")
    file = tmp_path / "run.yaml"
    file.write_text("total_timesteps: 100\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^--preset: 'gpu' is given together with --config; give one of them$"):
        _run("forage", "--preset", "gpu", "--config", str(file))
