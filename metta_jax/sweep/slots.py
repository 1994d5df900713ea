"""Which trials remain to be run: pure functions of the contents of a study.

A sweep of n trials has n slots, and a trial of the Optuna study is one attempt at a slot. If the process that runs it
dies, the slot gets another attempt with the same values and in the same directory, where the run resumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["waiting", "running", "complete", "pruned", "failed", "died"]

MOST_DEATHS = 5  # of one slot; after that, its values are to blame


@dataclass(frozen=True)
class Attempt:
    """A trial of a study.

    Attributes:
      number: in the study. slot: 0, 1, ... of the sweep.
      state: "failed": the run is impossible, `error` says why; "died": it was interrupted and will be tried again.
      values: of the fields drawn so far. reports: {part of the run: metric}. score: of a run that finished.
      was_stopped: whether it shut down cleanly because a user or a scheduler asked for it.
    """

    number: int
    slot: int
    state: State
    values: Mapping[str, Any] = field(default_factory=dict)
    reports: Mapping[int, float] = field(default_factory=dict)
    score: float | None = None
    seconds: float | None = None
    was_stopped: bool = False
    error: str = ""


def last_attempts(attempts: Iterable[Attempt], num_slots: int | None = None) -> list[Attempt]:
    """The attempt that counts for each slot, in the order of slots: the one that finished, else the last.

    Args:
      num_slots: how many slots to include; None: all.
    """
    found: dict[int, Attempt] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.number):
        before = found.get(attempt.slot)
        if before is None or before.state == "died":
            found[attempt.slot] = attempt
    return [found[slot] for slot in sorted(found) if num_slots is None or slot < num_slots]


def lost_slots(attempts: Iterable[Attempt], num_slots: int) -> dict[int, Attempt | None]:
    """The slots that need a new attempt: {slot: its last attempt, None if there was none}.

    A slot whose attempts died `MOST_DEATHS` times is abandoned.
    """
    attempts = list(attempts)
    found: dict[int, Attempt | None] = {}
    last = {attempt.slot: attempt for attempt in last_attempts(attempts)}
    for slot in range(num_slots):
        attempt = last.get(slot)
        deaths = sum(other.slot == slot and other.state == "died" and not other.was_stopped for other in attempts)
        if attempt is None or (attempt.state == "died" and deaths < MOST_DEATHS):
            found[slot] = attempt
    return found


def is_next(attempt: Attempt, attempts: Iterable[Attempt]) -> bool:
    """Whether an attempt is the one that counts for its slot, since two processes may add one at the same time."""
    return any(other.number == attempt.number for other in last_attempts(attempts))
