"""Training in one call: the same numbers as the explicit loop, and the same again after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.config import SimulationSuiteConfig, TrainerConfig
from metta_jax.monitor import Logger, RunConfig, load_run_config, read_json_lines
from metta_jax.sim.episodes import play_episodes
from metta_jax.store import PolicyRecord, PolicyStore, find_initial_policy
from metta_jax.store.train_state import read_trainer_info
from metta_jax.trainer import make_run, train
from metta_jax.trainer.train import chosen_device, with_world
from metta_jax.worlds.environment import Environment

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
    run = make_run("default", num_envs=1, bptt_horizon=8, scale_batches_by_world_size=True)
    devices = jax.device_count()
    assert (run.trainer.batch_size, run.trainer.minibatch_size) == (32 * devices, 8 * devices)
    with pytest.raises(ValueError, match="no world 'nowhere'"):
        make_run("nowhere")


def test_the_world_may_be_given_in_the_trainers_configuration() -> None:
    given: list[dict[str, Any]] = [{"curriculum": "forage"}, {"env": "forage"}, {"world": "forage", "env": "forage"}]
    for options in given:
        run = make_run(**options)
        assert run.environment["curriculum_path"] == run.trainer.curriculum_or_env == "forage"
    assert make_run().environment["curriculum_path"] == make_run().trainer.curriculum == "default"
    with pytest.raises(
        ValueError, match=r"^curriculum: 'arena/basic' is given in addition to the world 'default'; give one"
    ):
        train("default", curriculum="arena/basic")
    with pytest.raises(ValueError, match=r"^env: 'arena/basic' is given in addition to the world 'default'; give one"):
        make_run("default", env="arena/basic")
    with pytest.raises(ValueError, match=r"^trainer.env_overrides: is not supported"):
        make_run("forage", env_overrides={"game": {"max_steps": 3}})
    run = make_run("forage").replace(trainer={"env_overrides": {"game": {"max_steps": 3}}})
    with pytest.raises(ValueError, match=r"^trainer.env_overrides: is not supported"):
        train(run)


@pytest.mark.parametrize(("trainer", "world"), [({}, "default"), ({"env": "forage"}, "forage")])
def test_a_configuration_without_a_world_means_that_of_its_trainer(trainer: dict[str, Any], world: str) -> None:
    run = RunConfig(trainer=TrainerConfig(**trainer), environment={"num_envs": 2})
    assert with_world(run).environment == {"num_envs": 2, "curriculum_path": world}
    assert with_world(with_world(run)) == with_world(run)


def test_a_configuration_takes_no_options_beside_it() -> None:
    with pytest.raises(TypeError, match="options num_envs in addition to a RunConfig"):
        train(make_run(**SMALL), num_envs=2)


def _last(path: Path) -> dict[str, Any]:
    return read_json_lines(path / "metrics.jsonl")[-1]


def _policies(path: Path) -> list[PolicyRecord]:
    return PolicyStore(path / "checkpoints").policy_records(path / "checkpoints", "all")


def test_the_device_of_the_agent_s_configuration() -> None:
    first, second = jax.devices()
    run = make_run(agent={"device": "cpu:1", "agent": "fast"}, **SMALL)
    assert chosen_device(run) == second
    assert chosen_device(run, "cpu:0") == first
    assert chosen_device(make_run(**SMALL)) is None


def test_with_several_devices_the_agent_s_device_says_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused, with the advice to put the environment on one device, which cannot be divided then."""
    monkeypatch.setitem(train.__globals__, "run_training", lambda training, **_: training)
    run = make_run(agent={"device": "cpu:1", "agent": "fast"}, devices=2, run_dir=str(tmp_path), **SMALL)
    training: Any = train(run, show_progress=False)
    assert set(training.mesh.devices.flat) == set(jax.devices())
    assert load_run_config(tmp_path).agent == run.agent


@pytest.mark.slow
def test_all_of_a_run_is_on_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation, replays and policies too: on a machine with an accelerator `--device cpu` must leave it alone."""
    second = jax.devices()[1]
    played = []

    def play(*args: Any, **options: Any) -> Any:
        played.append(options["device"])
        return play_episodes(*args, **options)

    monkeypatch.setattr("metta_jax.sim.simulation.play_episodes", play)
    suite = SimulationSuiteConfig.model_validate(
        {"name": "s", "simulations": {"room/small": {"env": "default", "env_overrides": {"game": {"max_steps": 3}}}}}
    )
    options = {**SMALL, "run_dir": str(tmp_path), "checkpoint": {"checkpoint_interval": 1}, "device": "cpu:1"}
    options["simulation"] = {"evaluate_interval": 1, "replay_interval": 1}
    result = train("default", total_timesteps=16, suite=suite, show_progress=False, **options)
    assert played == [second, second]
    for tree in (result.state, result.record.params):
        assert {device for leaf in jax.tree.leaves(tree) for device in leaf.devices()} == {second}
    again = train("default", total_timesteps=32, suite=suite, show_progress=False, **options)
    assert {device for leaf in jax.tree.leaves(again.state) for device in leaf.devices()} == {second}


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
    assert first.record.metadata.score == first.scores[2]["room/small"]
    assert _policies(tmp_path)[-1].metadata.evals["category_scores"] == {"room": first.scores[2]["room/score"]}
    assert _last(tmp_path)["parameters/latest_saved_policy_epoch"] == 0
    saved = read_trainer_info(tmp_path / "checkpoints")
    assert saved is not None
    # Due in epoch 3, which leaves a final checkpoint only: what no interval saved is not evaluated, nor recorded.
    options["simulation"] = {"evaluate_interval": 3, "replay_interval": 3}
    again = train("default", total_timesteps=48, suite=suite, show_progress=False, **options)
    assert (again.scores, again.replay_urls) == ({}, [])
    # The time in between counts for nothing, that of training before it does.
    last, timers = _last(tmp_path), saved.stopwatch_state["timers"]
    assert last["metric/train_time"] > timers["_rollout"]["total"] + timers["_train"]["total"]
    new_time = last["metric/total_time"] - timers["global"]["total"]
    assert last["overview/sps"] == pytest.approx(16 / new_time, rel=0.05)
    assert last["overview/reward"] == last["overview/reward_vs_total_time"]
    assert last["parameters/latest_saved_policy_epoch"] == 2
    assert again.record.metadata.train_time == pytest.approx(last["metric/train_time"])
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
def test_a_logger_that_fails_ends_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    class Failing(Logger):
        def log(self, metrics: Mapping[str, Any], step: int) -> None:
            if step == 32:
                raise OSError("no space left")

    options = {**SMALL, "run_dir": str(tmp_path), "total_timesteps": 64}
    with pytest.raises(OSError, match="no space left"):
        train("default", loggers=[Failing()], show_progress=False, **options)
    info = read_trainer_info(tmp_path / "checkpoints")
    assert info is not None
    assert info.agent_step == 32
    assert train("default", show_progress=False, **options).is_finished
    assert [record["step"] for record in read_json_lines(tmp_path / "metrics.jsonl")] == [16, 32, 48, 64]


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
    # It resumes, and so does its lineage. Checkpoints come every second epoch.
    options["checkpoint"], options["simulation"] = {"checkpoint_interval": 2}, {"evaluate_interval": 0}
    third = train("default", total_timesteps=48, show_progress=False, **options)
    assert third.record.metadata["initial_pr"] == first.record.uri
    assert third.record.metadata.generation == 1
    records = read_json_lines(tmp_path / "b" / "metrics.jsonl")
    assert [record["parameters/latest_saved_policy_epoch"] for record in records] == [0, 0, 2]
    assert {record["parameters/generation"] for record in records} == {1}


@pytest.mark.slow
def test_a_run_that_is_over_leaves_its_last_policy_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = train("default", total_timesteps=16, run_dir=str(tmp_path / "a"), show_progress=False, **SMALL)
    options = {**SMALL, "run_dir": str(tmp_path / "b"), "initial_policy": {"uri": first.record.uri, "type": "latest"}}
    capsys.readouterr()
    third = train("default", total_timesteps=16, verbose=False, **options)
    assert capsys.readouterr().out == ""
    assert _last(tmp_path / "b")["parameters/generation"] == 1
    fourth = train("default", total_timesteps=16, show_progress=False, **options)
    for result in (third, fourth):
        assert result.record.metadata["initial_pr"] == first.record.uri
        assert (result.record.metadata.epoch, result.record.metadata.generation) == (1, 1)
    assert third.record.metadata.stats
    assert fourth.record.metadata == third.record.metadata
    assert fourth.is_finished


@pytest.mark.slow
def test_the_policy_with_the_best_score_can_be_chosen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rewards = {"inventory": {"ore_red": 1.0}}  # even agents that know nothing get some
    game = {"max_steps": 100, "agent": {"rewards": rewards}}
    simulation = {"env": "forage", "num_episodes": 2, "env_overrides": {"game": game}}
    suite = SimulationSuiteConfig.model_validate({"name": "s", "simulations": {"room/small": simulation}})
    options = {**SMALL, "environment": {"num_maps": 2}, "bptt_horizon": 8, "minibatch_size": 64, "seed": 5}
    options["optimizer"] = {"learning_rate": 0.1}  # scores that differ
    options |= {"simulation": {"evaluate_interval": 1, "replay_interval": 0}, "checkpoint": {"checkpoint_interval": 1}}
    result = train("forage", total_timesteps=192, run_dir=str(tmp_path), suite=suite, show_progress=False, **options)
    scores = {epoch: scores["room/small"] for epoch, scores in result.scores.items()}
    assert len(set(scores.values())) > 1, "nothing to choose"
    best = max(scores, key=lambda epoch: (scores[epoch], epoch))
    caplog.clear()
    for metric in ("score", "room", "room/small"):
        record = PolicyStore(tmp_path).policy_record(tmp_path / "checkpoints", "top", metric=metric)
        assert record.metadata.epoch == best
    assert caplog.text == ""


@pytest.mark.slow
def test_it_starts_from_the_first_policy_of_its_directory(tmp_path: Path) -> None:
    run = make_run("default", run_dir=str(tmp_path), total_timesteps=16, **SMALL)
    agent = Agent(Environment(**run.environment), run.agent)
    store = PolicyStore(run.trainer.paths.checkpoints)
    first = find_initial_policy(store, agent, jax.random.key(9))
    result = train(run, max_seconds=0.0, show_progress=False)
    for ours, theirs in zip(jax.tree.leaves(result.state.params), jax.tree.leaves(first.params), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
