"""Every registered world is played for 100 steps under jit, against the sequential oracle."""

from __future__ import annotations

import pytest

from tests.worlds.api_test import of_one_kind, play_against_oracle

# Each kind compiles a program. These have most worlds, and all kinds of objects between them; the others are slow.
FAST = {"arena/combat", "cooperation/experimental/central_table_layout", "default", "laser_tag", "medium"} | {
    "memory/evals/access_cross",
    "navigation/evals/corridors",
    "object_use/evals/armory_use",
    "object_use/evals/swap_in",
}


def test_the_fast_ones_are_kinds() -> None:
    assert {names[0] for names in of_one_kind()} > FAST


@pytest.mark.parametrize(
    "names",
    [pytest.param(names, marks=() if names[0] in FAST else pytest.mark.slow) for names in of_one_kind()],
    ids=lambda names: names[0],
)
def test_a_hundred_steps_as_the_oracle(names: list[str]) -> None:
    play_against_oracle(names, num_steps=100)
