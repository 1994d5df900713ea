from __future__ import annotations

import jax
import numpy as np
import pytest

from metta_jax.rl import StepCounter
from tests.rl.training import variant


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1, 2**32, 50_000_000_000, 2**64 - 1])
def test_counter_holds_64_bits(value: int) -> None:
    assert int(StepCounter.create(value)) == value


@pytest.mark.parametrize("value", [-1, 2**64])
def test_counter_rejects_other_values(value: int) -> None:
    with pytest.raises(ValueError, match=r"agent_step: .* is not in 0\.\.2\*\*64-1"):
        StepCounter.create(value)


def test_counter_carries() -> None:
    counter = StepCounter.create(2**32 - 5)
    add = jax.jit(lambda c: c.add(7))
    assert int(add(counter)) == 2**32 + 2
    assert int(add(add(counter))) == 2**32 + 9


@pytest.mark.parametrize(
    ("value", "target"),
    [(0, 10**9), (10**9, 10**9), (101, 100), (2**32 + 3, 2**32 - 3), (5, 2**40), (2**33, 5)],
)
def test_counter_distance_is_exact_across_words(value: int, target: int) -> None:
    assert float(StepCounter.create(value).remaining(StepCounter.create(target))) == float(np.float32(target - value))


def test_state_has_no_weak_types_and_no_python_numbers() -> None:
    state = variant("default").init(jax.random.key(0))
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        assert isinstance(leaf, jax.Array), path
        assert not getattr(leaf, "weak_type", False), path
