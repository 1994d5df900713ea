"""Training states on disk: exact resume, damage, other structures, what is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.store import (
    BackgroundSaver,
    DamagedError,
    cleanup_old_policies,
    files,
    load_train_state,
    read_trainer_info,
    save_train_state,
)
from metta_jax.store import checkpoint as checkpoint_module
from metta_jax.store.files import write_json
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import assert_same, config, variant


@pytest.fixture(scope="module")
def training() -> TrainingComponents:
    return variant("default")


@pytest.fixture(scope="module")
def states(training: TrainingComponents) -> list[TrainState]:
    """After 0, 1, 2, 3 updates."""
    found = [training.init(jax.random.key(0))]
    for _ in range(3):
        found.append(training.update(*training.rollout(found[-1]))[0])
    return found


def _saved(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "trainer_state").iterdir())


_SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("accumulated", "original")]


@pytest.mark.parametrize("name", ["default", *_SLOW])
def test_the_continuation_equals_the_uninterrupted_run(tmp_path: Path, name: str) -> None:
    bundle = variant(name)
    state = bundle.init(jax.random.key(3))
    for _ in range(2):
        state, _ = bundle.train_step(state)
    path = save_train_state(tmp_path, state, bundle)
    assert path == tmp_path / "trainer_state" / "2"

    loaded = load_train_state(tmp_path, bundle)
    assert loaded is not None
    assert_same(loaded, state)
    for _ in range(2):
        state, _ = bundle.train_step(state)
        loaded, _ = bundle.train_step(loaded)
    assert_same(loaded, state)


def test_a_rollout_in_hand_is_part_of_the_state(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    """Saved between rollout and update, in place of the state before the rollout, which has the same count."""
    save_train_state(tmp_path, states[1], training)
    rolled_out, _ = training.rollout(states[1])
    save_train_state(tmp_path, rolled_out, training)
    assert _saved(tmp_path) == ["1"]
    loaded = load_train_state(tmp_path, training)
    assert loaded is not None
    assert_same(training.update(loaded, loaded.experience)[0], training.update(rolled_out, rolled_out.experience)[0])


def test_keys_of_another_kind_are_kept(tmp_path: Path, training: Any) -> None:
    state = training.init(jax.random.key(0, impl="rbg"))
    save_train_state(tmp_path, state, training)
    loaded = load_train_state(tmp_path, training)
    assert loaded is not None
    assert_same(loaded, state)


def test_like_says_where_the_arrays_go(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    second = jax.devices()[1]
    save_train_state(tmp_path, states[0], training)
    loaded = load_train_state(tmp_path, training, like=jax.device_put(states[1], second))
    assert {device for leaf in jax.tree.leaves(loaded) for device in leaf.devices()} == {second}


def test_nothing_there_means_a_new_run(tmp_path: Path, training: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="metta_jax"):
        assert load_train_state(tmp_path / "nowhere", training) is None
    assert f"No trainer state found at {tmp_path / 'nowhere'}. Assuming a new run!" in caplog.text
    assert read_trainer_info(tmp_path) is None


def test_what_is_known_beside_the_arrays(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    run = tmp_path / "run"
    save_train_state(
        run,
        states[2],
        training,
        policy_path=f"file://{run}/model_0004",
        stopwatch_state={"a": 1.5},
        extra={"evaluations": [1, np.float32(0.5), float("nan")]},
    )
    run.rename(tmp_path / "moved")  # paths inside the run move with it
    info = read_trainer_info(tmp_path / "moved")
    assert info is not None
    assert (info.agent_step, info.epoch, info.rollout_count) == (256, 4, 2)
    assert info.policy_path == str(tmp_path / "moved" / "model_0004")
    assert info.stopwatch_state == {"a": 1.5}
    assert info.trainer_config["batch_size"] == 128
    assert info.extra == {"evaluations": (1, 0.5, None)}


def test_the_newest_two_are_kept(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    for state in states:
        save_train_state(tmp_path, state, training)
    assert _saved(tmp_path) == ["2", "3"]
    save_train_state(tmp_path, states[3], training, keep=1)
    assert _saved(tmp_path) == ["3"]
    with pytest.raises(ValueError, match="^keep: 0 is not at least 1$"):
        save_train_state(tmp_path, states[3], training, keep=0)


def test_starting_over_replaces_the_states_of_the_old_run(
    tmp_path: Path, training: Any, states: list[TrainState], caplog: pytest.LogCaptureFixture
) -> None:
    for state in states:
        save_train_state(tmp_path, state, training)
    save_train_state(tmp_path, states[1], training)
    assert _saved(tmp_path) == ["1"]
    assert "belong to a run that is replaced" in caplog.text


# -- in the background ------------------------------------------------------------------------------------------------


def test_saving_in_the_background_survives_donation(tmp_path: Path, training: Any) -> None:
    state = training.init(jax.random.key(4))
    expected = jax.tree.map(jnp.copy, state)
    with BackgroundSaver() as saver:
        for count in range(3):
            if count == 2:
                expected = jax.tree.map(jnp.copy, state)
            save_train_state(tmp_path, state, training, background=saver)
            state, _ = training.train_step(state)  # donates what is being saved
    assert _saved(tmp_path) == ["1", "2"]
    assert_same(load_train_state(tmp_path, training), expected)


def test_an_error_in_the_background_is_raised_by_the_next_call() -> None:
    saver = BackgroundSaver()
    saver.submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        saver.submit(lambda: None)
    saver.wait()
    with pytest.raises(ZeroDivisionError), saver:
        saver.submit(lambda: 1 / 0)


def test_a_state_that_was_donated_is_an_error(tmp_path: Path, training: Any) -> None:
    state = training.init(jax.random.key(0))
    training.train_step(state)
    with pytest.raises(ValueError, match="was donated to a later step"):
        save_train_state(tmp_path, state, training)


# -- damage -----------------------------------------------------------------------------------------------------------


def _damage(path: Path, how: str) -> str:
    """Damages a training state; returns what the warning must name."""
    arrays = max((file for file in (path / "state").rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    if how == "flipped":
        content = bytearray(arrays.read_bytes())
        content[len(content) // 2] ^= 1
        arrays.write_bytes(content)
    elif how == "truncated":
        arrays.write_bytes(arrays.read_bytes()[:-1])
    elif how == "missing":
        arrays.unlink()
    elif how == "no json":
        (path / "trainer.json").unlink()
        return "trainer.json"
    else:
        text = (path / "trainer.json").read_text()
        (path / "trainer.json").write_text(text.replace('"epoch": 4', '"epoch": 5').replace('"epoch": 2', '"epoch": 3'))
        return "trainer.json"
    return arrays.name


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing", "no json", "changed json"])
def test_the_one_before_a_damaged_state_is_used(
    tmp_path: Path, training: Any, states: list[TrainState], caplog: pytest.LogCaptureFixture, how: str
) -> None:
    for state in states[1:3]:
        save_train_state(tmp_path, state, training)
    name = _damage(tmp_path / "trainer_state" / "2", how)
    loaded = load_train_state(tmp_path, training)
    assert_same(loaded, states[1])
    assert str(tmp_path / "trainer_state" / "2") in caplog.text
    assert name in caplog.text
    info = read_trainer_info(tmp_path)
    assert info is not None
    assert info.rollout_count == 1

    _damage(tmp_path / "trainer_state" / "1", how)
    with pytest.raises(DamagedError, match="no training state is whole"):
        load_train_state(tmp_path, training)  # not None: a new run would write over what may still be repaired
    assert _saved(tmp_path) == ["1", "2"]


def test_going_on_replaces_the_damaged_state(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    for state in states[1:3]:
        save_train_state(tmp_path, state, training)
    _damage(tmp_path / "trainer_state" / "2", "flipped")
    loaded = load_train_state(tmp_path, training)
    assert loaded is not None
    save_train_state(tmp_path, training.update(*training.rollout(loaded))[0], training)
    assert_same(load_train_state(tmp_path, training), states[2])


# -- other structures -------------------------------------------------------------------------------------------------


def _bundle(**changes: Any) -> TrainingComponents:
    agent = changes.pop("agent", ProbeAgent())
    return TrainingComponents.create(
        ProbeEnv(game="memory", episode_length=4, staggered=True), agent, config(**changes)
    )


def _rewrite(path: Path, change: Any) -> None:
    """Changes trainer.json as a program of another version would have written it."""
    document = json.loads((path / "trainer.json").read_text())
    document.pop("sha256")
    change(document)
    write_json(path / "trainer.json", document)


def test_another_optimizer(
    tmp_path: Path, training: Any, states: list[TrainState], caplog: pytest.LogCaptureFixture
) -> None:
    save_train_state(tmp_path, states[2], training)
    other = _bundle(optimizer={"type": "muon"})
    with pytest.raises(ValueError, match=r"^Optimizer state dict doesn't match\. .*allow_fresh_optimizer=True"):
        load_train_state(tmp_path, other)
    loaded = load_train_state(tmp_path, other, allow_fresh_optimizer=True)
    assert "Optimizer state dict doesn't match. Starting with fresh optimizer state." in caplog.text
    assert loaded is not None
    assert_same(loaded.params, states[2].params)
    assert_same(loaded.opt_state, other.optimizer.init(loaded.params))
    assert_same(loaded.replace(opt_state=None), states[2].replace(opt_state=None))


def test_a_matching_optimizer_is_kept_even_if_a_fresh_one_is_allowed(
    tmp_path: Path, training: Any, states: list[TrainState]
) -> None:
    save_train_state(tmp_path, states[2], training)
    assert_same(load_train_state(tmp_path, training, allow_fresh_optimizer=True), states[2])


def test_another_shape_names_the_leaf(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    save_train_state(tmp_path, states[1], training)
    message = r"^params/actor/kernel: the checkpoint has float32 \[16, 3\], expected is float32 \[8, 3\]$"
    with pytest.raises(ValueError, match=message):
        load_train_state(tmp_path, _bundle(agent=ProbeAgent(hidden=8)), allow_fresh_optimizer=True)
    with pytest.raises(
        ValueError, match=r"^experience/observation: the checkpoint has uint8 \[16, 8, 4, 3\], expected"
    ):
        load_train_state(tmp_path, _bundle(batch_size=256))


@pytest.mark.parametrize("key", ["agent_step", "epoch", "policy_path", "stopwatch_state"])
def test_a_missing_key(tmp_path: Path, training: Any, states: list[TrainState], key: str) -> None:
    _rewrite(save_train_state(tmp_path, states[1], training), lambda document: document.pop(key))
    with pytest.raises(ValueError, match=f"^Checkpoint is missing required key: {key}$"):
        load_train_state(tmp_path, training)


def test_a_missing_leaf(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    path = save_train_state(tmp_path, states[1], training)
    _rewrite(path, lambda document: document["leaves"].pop("key"))
    with pytest.raises(ValueError, match="^Checkpoint is missing required key: key$"):
        load_train_state(tmp_path, training)


def test_unknown_keys_are_kept(
    tmp_path: Path, training: Any, states: list[TrainState], caplog: pytest.LogCaptureFixture
) -> None:
    path = save_train_state(tmp_path, states[1], training, extra={"a": 1})
    _rewrite(path, lambda document: document.update(weather="fine"))
    assert_same(load_train_state(tmp_path, training), states[1])
    assert "unknown keys ['weather']" in caplog.text
    info = read_trainer_info(tmp_path)
    assert info is not None
    assert info.extra == {"a": 1, "weather": "fine"}


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_another_format(tmp_path: Path, training: Any, states: list[TrainState], version: Any) -> None:
    path = save_train_state(tmp_path, states[1], training)
    _rewrite(path, lambda document: document.update(format=version))
    with pytest.raises(ValueError, match="checkpoint format .* is not 1$"):
        load_train_state(tmp_path, training)


def test_other_entries_are_no_states(tmp_path: Path, training: Any, states: list[TrainState]) -> None:
    save_train_state(tmp_path, states[1], training)
    for name in ("02", "-3", "x", "4.5", "²", ".5", "9" * 40):
        shutil.copytree(tmp_path / "trainer_state" / "1", tmp_path / "trainer_state" / name)
    (tmp_path / "trainer_state" / "7").write_text("a file")
    assert_same(load_train_state(tmp_path, training), states[1])


# -- crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crash_in", ["write_arrays", "checksums", "write_json", "rename"])
def test_a_crash_at_any_point_leaves_a_whole_state(
    tmp_path: Path, training: Any, states: list[TrainState], monkeypatch: pytest.MonkeyPatch, crash_in: str
) -> None:
    """The save of another state with the same count is cut off, as if by a kill: nothing is cleaned up after it."""
    save_train_state(tmp_path, states[1], training)
    other, _ = training.rollout(states[1])

    class Killed(BaseException):
        pass

    def kill(*_args: Any, **_options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(files.shutil, "rmtree", lambda *_, **__: None)
        if crash_in == "rename":
            rename = Path.rename
            patch.setattr(Path, "rename", lambda self, to: kill() if self.name.endswith(".new") else rename(self, to))
        else:
            patch.setattr(checkpoint_module, crash_in, kill)
        save_train_state(tmp_path, other, training)

    assert len(list((tmp_path / "trainer_state").iterdir())) == 2  # what the crash left is there, and ignored
    assert_same(load_train_state(tmp_path, training), states[1])
    with monkeypatch.context() as patch:
        patch.setattr(files, "_is_abandoned", lambda *_: True)  # this process lives, the one that crashed would not
        save_train_state(tmp_path, other, training)
    assert _saved(tmp_path) == ["1"]
    assert_same(load_train_state(tmp_path, training), other)


def test_policies_that_a_state_names_are_not_cleaned_up(
    tmp_path: Path, training: Any, states: list[TrainState]
) -> None:
    save_train_state(tmp_path, states[1], training, policy_path=tmp_path / "model_0002")
    assert cleanup_old_policies(tmp_path, keep_last_n=0) == []
