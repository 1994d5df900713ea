"""The sizes for cards: the most environments that fit, and not one power of two more."""

from __future__ import annotations

from benchmarks.memory_needs import BASE, fitting, text
from metta_jax.rl import MemoryNeeds


def test_the_largest_power_of_two() -> None:
    needs = MemoryNeeds(
        fixed=10, environment=100, rollout=50, minibatch_step=10, num_envs=BASE, batch_size=64 * BASE,
        minibatch_size=2 * BASE, horizon=2,
    )  # fmt: skip
    found = fitting(needs, 10 + 4 * BASE * 150)
    assert (found.num_envs, found.batch_size, found.minibatch_size) == (4 * BASE, 256 * BASE, 8 * BASE)
    assert fitting(needs, 9 + 4 * BASE * 150).num_envs == 2 * BASE
    assert fitting(needs, 10) is None
    assert text(None) == "fewer than 64"
    assert text(found) == "256 / 512 (0 GB)"
