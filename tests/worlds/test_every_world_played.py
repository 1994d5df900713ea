"""Every registered world is played for 100 steps under jit, against the sequential oracle."""

from __future__ import annotations

import pytest

from tests.worlds.api_test import of_one_kind, play_against_oracle


@pytest.mark.parametrize("names", of_one_kind(), ids=lambda names: names[0])
def test_a_hundred_steps_as_the_oracle(names: list[str]) -> None:
    play_against_oracle(names, num_steps=100)
