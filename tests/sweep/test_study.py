"""Trials in a database: nobody's is lost, and nobody's is run by two."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from metta_jax.sweep import Sweep, last_attempts
from metta_jax.sweep.taken import TrialIsOver
from tests.sweep.small import SPACE, let_processes_die, open_sweep


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Sweep, Sweep]]:
    """Two workers of one study of two trials."""
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(contextlib.closing(open_sweep(tmp_path, num_trials=2)))
        other = stack.enter_context(contextlib.closing(open_sweep(tmp_path, num_trials=None, space=None)))
        assert (other.num_trials, other.space) == (2, SPACE)
        yield one, other


def _states(sweep: Sweep) -> list[str]:
    return [attempt.state for attempt in last_attempts(sweep.attempts())]


def test_two_workers_share_trials(two: tuple[Sweep, Sweep]) -> None:
    for sweep in two:
        sweep.add_lost()
    assert _states(two[0]) == ["waiting", "waiting"]
    with two[0].take() as first, two[1].take() as second:
        assert first is not None
        assert second is not None
        assert (first.slot, second.slot) == (0, 1)
        assert first.values != second.values
        assert first.values.keys() == SPACE.fields.keys()
        with two[0].take() as third:
            assert third is None
        assert not first.report(1, 0.5)
        first.complete(1.5)
        second.fail("too large")
    two[1].add_lost()
    assert _states(two[1]) == ["complete", "failed"]
    attempts = two[1].attempts()
    assert (attempts[0].score, attempts[0].reports, attempts[1].error) == (1.5, {1: 0.5}, "too large")
    assert dict(attempts[0].values) == dict(first.values)


def test_the_trial_of_a_dead_process_is_tried_again_with_the_same_values(two: tuple[Sweep, Sweep]) -> None:
    one, other = two
    one.add_lost()
    with one.take() as dead:
        assert dead is not None
        let_processes_die(one.directory)
        other.add_lost()
        assert [attempt.state for attempt in other.attempts()] == ["died", "waiting", "waiting"]
        with other.take() as second:  # a stopped process still holds the directory of the first
            assert second is not None
            assert second.slot == 1
            second.complete(0.0)
        with pytest.raises(TrialIsOver, match="trial 0 was presumed dead; another process continues it"):
            dead.report(1, 0.5)
    with other.take() as again:
        assert again is not None
        assert (again.slot, again.number) == (0, 2)
        assert again.values == dead.values
        again.stop()
    one.add_lost()
    with one.take() as resumed:
        assert resumed is not None
        assert resumed.values == dead.values
        resumed.prune()
    assert _states(one) == ["pruned", "complete"]
    assert [attempt.was_stopped for attempt in one.attempts()] == [False, False, True, False]


def test_another_space_or_no_study(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--study: there is no study 'small' yet; give a space to make one"):
        open_sweep(tmp_path, space=None)
    open_sweep(tmp_path).close()
    other = SPACE.replace(trainer={"total_timesteps": 9})
    with pytest.raises(ValueError, match="holds another space: trainer.total_timesteps is 1280 there and 9 here"):
        open_sweep(tmp_path, space=other)
    with contextlib.closing(open_sweep(tmp_path, num_trials=2)) as sweep:
        assert sweep.num_trials == 4


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    for storage, reason in (
        ("nonsense", "Could not parse"),
        (f"sqlite:///{tmp_path}/none/study.db", "unable to open database file"),
        ("postgresql+nothing://user:secret@host/db", "Can't load plugin"),
    ):
        with pytest.raises(ValueError, match="--storage: cannot open") as error:
            open_sweep(tmp_path, storage=storage)
        assert reason in str(error.value)
        assert "secret" not in str(error.value)
