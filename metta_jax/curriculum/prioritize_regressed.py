"""Play most what was played well once and is played badly now."""

from __future__ import annotations

from dataclasses import dataclass

import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.curriculum.rule import probabilities

_EPSILON = 1e-6
_LARGEST = 1e12


class RegressionState(flax.struct.PyTreeNode):
    """What is known of the n children, float32 [n] each."""

    average: jax.Array  # moving average of scores, from 0
    best: jax.Array  # largest score, at least 0
    weight: jax.Array


@dataclass(frozen=True)
class PrioritizeRegressedRule:
    """On completion of child i with a score: avg_i <- (1 - a) avg_i + a score, max_i <- max(max_i, score); then for
    every child w = 1e-6 + max / (avg + 1e-6). Children are drawn with (1 - explore) w / sum w + explore first / sum
    first, where `first` are the weights before the first completion.

    Right after the first success of a child max / avg is 1 / a: new tasks are much preferred. Before it w is 1e-6, so
    without `explore` the first task that scores is the only one played from then on. A negative average would
    make its weight negative; weights are kept in 1e-6..1e12.

    Attributes:
      initial: weights before the first completion.
      decay_rate: a.
      explore: the share of episodes that are drawn from the initial weights. The original's is 0.
    """

    initial: tuple[float, ...]
    decay_rate: float = 0.01
    explore: float = 0.25

    @property
    def num_children(self) -> int:
        return len(self.initial)

    def init(self, key: jax.Array) -> RegressionState:
        del key
        zeros = jnp.zeros((self.num_children,), jnp.float32)
        return RegressionState(average=zeros, best=zeros, weight=jnp.asarray(self.initial, jnp.float32))

    def weights(self, state: RegressionState) -> jax.Array:
        if self.explore == 0.0:
            return state.weight
        first = probabilities(jnp.asarray(self.initial, jnp.float32))
        return (1.0 - self.explore) * probabilities(state.weight) + self.explore * first

    def learn(self, state: RegressionState, child: jax.Array, score: jax.Array) -> RegressionState:
        moved = (1.0 - self.decay_rate) * state.average[child] + self.decay_rate * score
        average = state.average.at[child].set(moved)
        best = state.best.at[child].max(score)
        weight = _EPSILON + best / (average + _EPSILON)
        return RegressionState(average, best, jnp.clip(jnp.nan_to_num(weight, nan=_EPSILON), _EPSILON, _LARGEST))

    def stats(self, state: RegressionState) -> dict[str, jax.Array]:
        del state
        return {}
