"""What `compare` calls a difference, and how files that are no runs are refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metta_jax.conformance import RecordedRun, Rollout, check, compare, first_difference, load_run
from metta_jax.conformance import __main__ as command
from tests.oracle.replay import make_oracle, oracle_rollout

HERE = Path(__file__).parent
PATH = HERE / "fuzz_0.npz"
SMALL = HERE / "single_cell.npz"


@pytest.fixture(scope="module")
def run() -> RecordedRun:
    return load_run(PATH)


@pytest.fixture(scope="module")
def rollout(run: RecordedRun) -> Rollout:
    return oracle_rollout(make_oracle(run.config, run.rows), run)


def changed(array: np.ndarray, place: tuple[int, ...], change: Callable[[Any], Any]) -> np.ndarray:
    array = array.copy()
    array[place] = change(array[place])
    return array


@pytest.mark.parametrize(
    ("field", "place", "change", "text"),
    [
        ("observation", (3, 2, 5, 1), lambda x: x + 1, "step 4, agent 2, observation[slot 5]: expected ["),
        ("reward", (7, 1), lambda x: x + 1e-4, "step 8, agent 1, reward: expected "),
        ("reward", (7, 1), lambda x: np.nan, "step 8, agent 1, reward: expected "),
        ("episode_return", (0, 0), lambda x: x - 1, "step 1, agent 0, episode_return: expected "),
        ("terminated", (5, 3), np.logical_not, "step 6, agent 3, terminated: expected False, got True"),
        ("truncated", (5, 3), np.logical_not, "step 6, agent 3, truncated: expected False, got True"),
        ("action_success", (9, 0), np.logical_not, "step 10, agent 0, action_success: expected "),
    ],
)
def test_changed_arrays_are_found(
    run: RecordedRun, rollout: Rollout, field: str, place: tuple[int, ...], change: Callable[[Any], Any], text: str
) -> None:
    other = replace(rollout, **{field: changed(getattr(rollout, field), place, change)})

    assert str(first_difference(run, other)).startswith(text)


def test_equal_rollouts_and_rounding_are_no_difference(run: RecordedRun, rollout: Rollout) -> None:
    assert first_difference(run, rollout) is None
    rounded = changed(rollout.reward, (7, 1), lambda x: np.nextafter(x, np.float32(9)))
    assert first_difference(run, replace(rollout, reward=rounded)) is None


def test_the_first_observation_and_the_tracks_are_compared(run: RecordedRun, rollout: Rollout) -> None:
    other = replace(rollout, initial_observation=changed(rollout.initial_observation, (1, 0, 2), lambda x: x + 1))
    assert str(first_difference(run, other)).startswith("step 0, agent 1, observation[slot 0]: expected ")

    tracks = {**rollout.tracks, "agent_inv": changed(rollout.tracks["agent_inv"], (4, 2, 6), lambda x: x + 1)}
    assert str(first_difference(run, replace(rollout, tracks=tracks))).startswith("step 4, agent 2, agent_inv[6]: ")


def test_the_earliest_step_is_named(run: RecordedRun, rollout: Rollout) -> None:
    other = replace(
        rollout,
        action_success=changed(rollout.action_success, (50, 0), np.logical_not),
        reward=changed(rollout.reward, (20, 0), lambda x: x + 1),
    )
    difference = first_difference(run, other)

    assert difference is not None
    assert (difference.step, difference.field) == (21, "reward")


def test_shapes_and_types_are_compared(run: RecordedRun, rollout: Rollout) -> None:
    shorter = str(first_difference(run, replace(rollout, reward=rollout.reward[:-1])))
    assert "reward (shape and dtype): expected (103, 13) float32, got (102, 13) float32" in shorter
    wider = str(first_difference(run, replace(rollout, reward=rollout.reward.astype(np.float64))))
    assert "reward (shape and dtype)" in wider


def set_key(scope: str, index: int | None, key: str, value: float) -> Callable[[dict[str, Any]], None]:
    def change(stats: dict[str, Any]) -> None:
        (stats[scope] if index is None else stats[scope][index])[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (set_key("game", None, "tokens_written", 1.0), "at the end, stats.game.tokens_written: expected "),
        (set_key("game", None, "new", 1.0), "at the end, stats.game.new: expected no key, got 1.0"),
        (set_key("agent", 2, "new.rate", 1.0), "at the end, agent 2, stats.agent.new.rate: expected no key, got 1.0"),
        (set_key("converter", 1, "type_id", 77.0), "at the end, stats.converter[1].type_id: expected "),
        (lambda stats: stats["game"].pop("tokens_dropped.avg"), "at the end, stats.game.tokens_dropped.avg: expected "),
        (lambda stats: stats["converter"].pop(), "at the end, stats.converter (length): expected "),
        (lambda stats: stats.pop("converter"), "at the end, stats (scopes): expected "),
        (set_key("agent", 0, "action.invalid_type.updates", 9.0), "at the end, agent 0, stats.agent.action.invalid_"),
    ],
)
def test_changed_statistics_are_found(
    run: RecordedRun, rollout: Rollout, change: Callable[[dict[str, Any]], Any], text: str
) -> None:
    stats = copy.deepcopy(dict(rollout.stats))
    change(stats)

    assert str(first_difference(run, replace(rollout, stats=stats))).startswith(text)


def test_statistics_without_bound_are_not_compared(run: RecordedRun, rollout: Rollout) -> None:
    stats = copy.deepcopy(dict(rollout.stats))
    stats["agent"][0] |= {"action.invalid_type.12.0": 4.0, "action.invalid_arg.1.7.updates": 2.0}

    assert first_difference(run, replace(rollout, stats=stats)) is None


def test_changed_objects_are_found(run: RecordedRun, rollout: Rollout) -> None:
    objects = {i: dict(view) for i, view in rollout.grid_objects.items()}
    objects[3]["r"] = 99
    text = str(first_difference(run, replace(rollout, grid_objects=objects)))
    assert text == f"at the end, grid_objects.3.r: expected {run.grid_objects[3]['r']}, got 99"

    objects = {i: dict(view) for i, view in rollout.initial_grid_objects.items()}
    objects[3]["new"] = 1
    text = str(first_difference(run, replace(rollout, initial_grid_objects=objects)))
    assert text == "step 0, initial_grid_objects.3.new: expected no key, got 1"

    del objects[3]
    assert "ids" in str(first_difference(run, replace(rollout, initial_grid_objects=objects)))


def rewritten(path: Path, target: Path, **changes: Any) -> Path:
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files} | changes
    np.savez(target, **{name: member for name, member in members.items() if member is not None})
    return target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orders": None, "map_json": None}, "not a recorded run, it lacks orders, map_json"),
        ({"rewards": np.zeros((5, 1), np.float32)}, "rewards: shape (5, 1) does not fit [T, A]"),
        ({"rewards": np.zeros((120, 1))}, "rewards: dtype float64 is not float32"),
        ({"stats_json": np.array("{")}, "stats_json: "),
    ],
)
def test_broken_runs_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = rewritten(SMALL, tmp_path / "broken.npz", **changes)
    with pytest.raises(ValueError) as error:
        load_run(path)
    assert f"{path}: " in str(error.value)
    assert message in str(error.value)


def test_files_that_are_no_archives_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    cut = tmp_path / "cut.npz"
    cut.write_bytes(SMALL.read_bytes()[:3000])
    array = tmp_path / "array.npy"
    np.save(array, np.zeros(3))
    for path in (text, cut, array, tmp_path):
        with pytest.raises(ValueError, match="not a recorded run"):
            load_run(path)
    with pytest.raises(ValueError, match="no such file"):
        load_run(tmp_path / "missing.npz")


def test_the_command_says_equal_different_and_unreadable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The oracle stands in for the engine, which would compile for seconds; test_recorded_runs.py replays through that.
    monkeypatch.setattr(check, "compare", lambda run, make_engine: compare(run, make_oracle, oracle_rollout))
    stats = load_run(SMALL).stats
    stats["game"]["tokens_written"] = 0.0
    different = rewritten(SMALL, tmp_path / "different.npz", stats_json=np.array(json.dumps(stats)))

    assert command.main([str(SMALL)]) == 0
    assert command.main(["--jobs", "1", str(different), str(SMALL)]) == 1
    assert command.main(["--jobs", "1", str(tmp_path / "missing.npz"), str(SMALL)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("single_cell.npz: 120 steps, 1 agents: equal (")
    assert lines[1].startswith(
        "different.npz: 120 steps, 1 agents: at the end, stats.game.tokens_written: expected 0.0"
    )
    assert lines[2].startswith("single_cell.npz: 120 steps, 1 agents: equal")
    assert lines[3].endswith("missing.npz: no such file")


@pytest.mark.slow
def test_several_processes_keep_the_order_of_the_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    paths = [str(SMALL), str(tmp_path / "missing.npz"), str(SMALL)]
    assert command.main(["--jobs", "2", *paths]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].endswith("missing.npz") for line in lines] == [False, True, False]
