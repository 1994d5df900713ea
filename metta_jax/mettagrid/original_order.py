"""The orders of agents that the original engine draws from a seed; on the host, to replay its runs.

The original owns one 32-bit Mersenne Twister per world and uses it for nothing else: each step shuffles the agents with
libstdc++'s `std::shuffle`, which takes two positions from one draw, and libstdc++'s uniform integers (Lemire's method).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

_WORD_MASK = 0xFFFFFFFF
_MAX_AGENTS = 256


def original_orders(seed: int, num_agents: int, num_steps: int) -> np.ndarray:
    """The first orders of a world: int32 [num_steps, num_agents].

    Args:
      seed: the world's seed, 0..2^32-1.
      num_agents: 1..256.
      num_steps: how many steps, at least 0.

    Raises:
      ValueError: if an argument is out of its range.
    """
    if num_steps < 0:
        raise ValueError(f"num_steps: {num_steps} is negative")
    orders = np.empty((num_steps, num_agents), np.int32)
    for step, order in enumerate(islice(iterate_original_orders(seed, num_agents), num_steps)):
        orders[step] = order
    return orders


def iterate_original_orders(seed: int, num_agents: int) -> Iterator[np.ndarray]:
    """One order, int32 [num_agents], per step, without end; arguments and errors as `original_orders`."""
    if not 0 <= seed <= _WORD_MASK:
        raise ValueError(f"seed: {seed} is not in 0..{_WORD_MASK}")
    if not 1 <= num_agents <= _MAX_AGENTS:
        raise ValueError(f"num_agents: {num_agents} is not in 1..{_MAX_AGENTS}")
    return _shuffles(_words(seed), num_agents)


def _shuffles(words: Iterator[int], num_agents: int) -> Iterator[np.ndarray]:
    while True:
        order = list(range(num_agents))
        position = 1
        if num_agents % 2 == 0:
            # An even number leaves one position without a partner; it is drawn alone.
            _swap(order, 1, _draw(words, 2))
            position = 2
        while position < num_agents:
            first, second = divmod(_draw(words, (position + 1) * (position + 2)), position + 2)
            _swap(order, position, first)
            _swap(order, position + 1, second)
            position += 2
        yield np.array(order, np.int32)


def _draw(words: Iterator[int], bound: int) -> int:
    """Uniform in 0..bound-1."""
    product = next(words) * bound
    if product & _WORD_MASK < bound:
        threshold = (1 << 32) % bound
        while product & _WORD_MASK < threshold:
            product = next(words) * bound
    return product >> 32


def _words(seed: int) -> Iterator[int]:
    # RandomState seeds the way std::mt19937 does (the newer generators hash the seed first), and a draw from the full
    # range of 32 bits is one word of the twister.
    twister = np.random.RandomState(seed)
    while True:
        yield from twister.randint(0, 1 << 32, size=256, dtype=np.uint32).tolist()


def _swap(order: list[int], i: int, j: int) -> None:
    order[i], order[j] = order[j], order[i]
