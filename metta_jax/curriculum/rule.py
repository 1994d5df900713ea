"""What a curriculum learns: a rule is pure functions over a state of its own. n = number of children.

Children are tasks, or curricula of their own. Rules know them by index only; `curriculum` knows what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from metta_jax.core.pytree import PyTree


class Rule(Protocol):
    """How children are chosen, and what their scores change about it."""

    @property
    def num_children(self) -> int:
        """n."""
        ...

    def init(self, key: jax.Array) -> Any:
        """The state before the first episode. `key` may be kept and used later."""
        ...

    def weights(self, state: PyTree) -> jax.Array:
        """float32 [n], at least 0: children are drawn with these weights, uniformly if all are 0."""
        ...

    def learn(self, state: PyTree, child: jax.Array, score: jax.Array) -> PyTree:
        """The state after an episode of `child` int32 [] that ended with `score` float32 []."""
        ...

    def stats(self, state: PyTree) -> dict[str, jax.Array]:
        """Numbers for logs by name, [] each."""
        ...


@dataclass(frozen=True)
class FixedWeights:
    """Children by weight; nothing is learned. Its state is empty."""

    initial: tuple[float, ...]

    @property
    def num_children(self) -> int:
        return len(self.initial)

    def init(self, key: jax.Array) -> tuple[()]:
        del key
        return ()

    def weights(self, state: tuple[()]) -> jax.Array:
        del state
        return jnp.asarray(self.initial, jnp.float32)

    def learn(self, state: tuple[()], child: jax.Array, score: jax.Array) -> tuple[()]:
        del child, score
        return state

    def stats(self, state: tuple[()]) -> dict[str, jax.Array]:
        del state
        return {}


def probabilities(weights: jax.Array) -> jax.Array:
    """`weights` [n] divided by their sum; uniform if that is 0."""
    total = jnp.sum(weights)
    return jnp.where(total > 0, weights / jnp.where(total > 0, total, 1.0), 1.0 / weights.shape[0])
