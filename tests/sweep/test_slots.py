"""Which trials are still to be run, from what a study holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metta_jax.sweep.slots import MOST_DEATHS, Attempt, is_next, last_attempts, lost_slots

FINAL = ("complete", "pruned", "failed")
STATES = (*FINAL, "waiting", "running", "died")


def _attempts(*pairs: tuple[int, str]) -> list[Attempt]:
    return [Attempt(number, slot, state) for number, (slot, state) in enumerate(pairs)]


def test_a_new_sweep_has_lost_everything() -> None:
    assert lost_slots([], 3) == {0: None, 1: None, 2: None}


def test_a_dead_attempt_is_tried_again_with_its_values() -> None:
    attempts = [Attempt(0, 0, "complete"), Attempt(1, 1, "died", {"a": 1}), Attempt(2, 2, "running")]
    assert lost_slots(attempts, 3) == {1: attempts[1]}
    again = [*attempts, Attempt(3, 1, "waiting", {"a": 1})]
    assert lost_slots(again, 3) == {}
    assert [attempt.number for attempt in last_attempts(again)] == [0, 3, 2]


def test_two_attempts_at_once_are_one_too_many() -> None:
    attempts = _attempts((0, "died"), (0, "waiting"), (0, "waiting"))
    assert is_next(attempts[1], attempts)
    assert not is_next(attempts[2], attempts)


def test_what_kills_its_process_is_given_up_but_not_what_a_user_stops() -> None:
    assert lost_slots(_attempts(*[(0, "died")] * (MOST_DEATHS - 1)), 1) != {}
    assert lost_slots(_attempts(*[(0, "died")] * MOST_DEATHS), 1) == {}
    stopped = [Attempt(number, 0, "died", was_stopped=True) for number in range(2 * MOST_DEATHS)]
    assert lost_slots(stopped, 1) == {0: stopped[-1]}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATES)), max_size=12))
def test_no_slot_is_lost_or_twice(pairs: list[tuple[int, str]]) -> None:
    attempts = _attempts(*pairs)
    last = {attempt.slot: attempt for attempt in last_attempts(attempts)}
    lost = lost_slots(attempts, 4)
    for slot in range(4):
        mine = [attempt for attempt in attempts if attempt.slot == slot]
        deaths = sum(attempt.state == "died" for attempt in mine)
        assert sum(is_next(attempt, attempts) for attempt in mine) == (1 if mine else 0)
        if any(attempt.state != "died" for attempt in mine):  # somebody works on it, or has, or will
            assert slot not in lost
            assert last[slot].state != "died"
        else:
            assert (slot in lost) == (deaths < MOST_DEATHS)
