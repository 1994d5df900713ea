"""Training in one call: the same numbers as the explicit loop, and the same again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.config import SimulationSuiteConfig
from metta_jax.monitor import read_json_lines
from metta_jax.trainer import make_run, train

SMALL: dict[str, Any] = {
    "environment": {"num_agents": 2, "width": 8, "height": 8, "num_maps": 2},
    "num_envs": 2,
    "bptt_horizon": 4,
    "minibatch_size": 8,
}


def test_sizes_fit_the_world() -> None:
    run = make_run("default", num_envs=16)
    assert (run.trainer.bptt_horizon, run.trainer.batch_size, run.trainer.minibatch_size) == (64, 4096, 512)
    run = make_run("default", num_envs=1, bptt_horizon=8)
    assert (run.trainer.batch_size, run.trainer.minibatch_size) == (32, 8)
    run = make_run("default", num_envs=1, bptt_horizon=8, batch_size=64)
    assert (run.trainer.batch_size, run.trainer.minibatch_size) == (64, 8)
    run = make_run("default", num_envs=3, environment={"num_agents": 1})
    assert (run.trainer.batch_size, run.trainer.minibatch_size) == (192, 192)
    with pytest.raises(ValueError, match="no world 'nowhere'"):
        make_run("nowhere")


def test_a_configuration_takes_no_options_beside_it() -> None:
    with pytest.raises(TypeError, match="options num_envs beside a RunConfig"):
        train(make_run(**SMALL), num_envs=2)


@pytest.mark.slow
def test_it_is_the_explicit_loop(tmp_path: Path) -> None:
    suite = SimulationSuiteConfig.model_validate(
        {"name": "s", "simulations": {"room/small": {"env": "default", "env_overrides": {"game": {"max_steps": 3}}}}}
    )
    options = {**SMALL, "run_dir": str(tmp_path), "seed": 3, "checkpoint": {"checkpoint_interval": 2}}
    options["simulation"] = {"evaluate_interval": 2, "replay_interval": 2}
    first = train("default", total_timesteps=32, suite=suite, show_progress=False, **options)
    assert first.is_finished
    assert set(first.scores) == {2}
    assert set(first.scores[2]) == {"room/score", "room/small"}
    assert len(first.replay_urls) == 1
    # Due in epoch 3, which leaves a final checkpoint only: what no interval saved is not evaluated, nor recorded.
    options["simulation"] = {"evaluate_interval": 3, "replay_interval": 3}
    again = train("default", total_timesteps=48, suite=suite, show_progress=False, **options)
    assert (again.scores, again.replay_urls) == ({}, [])
    assert [record["step"] for record in read_json_lines(tmp_path / "metrics.jsonl")] == [16, 32, 48]
    assert again.record.metadata.epoch == 3
    assert again.record.metadata["final"] is True

    training = again.training
    state = training.init(jax.random.key(3))
    for _ in range(3):
        state, batch = training.rollout(state)
        state, _ = training.update(state, batch)
    for ours, theirs in zip(jax.tree.leaves(again.state.params), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for ours, theirs in zip(jax.tree.leaves(again.record.params), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.slow
def test_it_starts_from_a_policy(tmp_path: Path) -> None:
    first = train("default", total_timesteps=16, run_dir=str(tmp_path / "a"), show_progress=False, **SMALL)
    options = {**SMALL, "run_dir": str(tmp_path / "b"), "initial_policy": {"uri": first.record.uri, "type": "latest"}}
    second = train("default", total_timesteps=16, max_seconds=0.0, show_progress=False, **options)
    assert not second.is_finished
    assert second.record.metadata["initial_pr"] == first.record.uri
    assert second.record.metadata.generation == 1
    for ours, theirs in zip(jax.tree.leaves(second.state.params), jax.tree.leaves(first.state.params), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
