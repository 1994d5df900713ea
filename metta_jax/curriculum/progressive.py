"""Go on to harder tasks as the score rises: a room that grows, or a list of tasks that blend into each other."""

from __future__ import annotations

from dataclasses import dataclass

import flax.struct
import jax
import jax.numpy as jnp

GROWING_SCORE = 0.5


@dataclass(frozen=True)
class GrowingRule:
    """The next child after an episode with a score above 0.5, up to the last one. The state is its index, int32 []."""

    num_children: int

    def init(self, key: jax.Array) -> jax.Array:
        del key
        return jnp.zeros((), jnp.int32)

    def weights(self, state: jax.Array) -> jax.Array:
        return (jnp.arange(self.num_children, dtype=jnp.int32) == state).astype(jnp.float32)

    def learn(self, state: jax.Array, child: jax.Array, score: jax.Array) -> jax.Array:
        del child
        grows = (score > GROWING_SCORE).astype(jnp.int32)
        return jnp.minimum(state + grows, self.num_children - 1)

    def stats(self, state: jax.Array) -> dict[str, jax.Array]:
        return {"progress": state.astype(jnp.float32) / max(self.num_children - 1, 1)}


class BlendState(flax.struct.PyTreeNode):
    """How far a blend has come."""

    performance: jax.Array  # float32 [], moving average of scores
    num_scores: jax.Array  # int32 []
    progress: jax.Array  # float32 [], 0..1


@dataclass(frozen=True)
class BlendRule:
    """Tasks at the places 0..n-1; p = progress (n - 1) moves along them, and those near p are played.

    Attributes:
      num_children: n.
      performance_threshold: in mode "perf", the smoothed score from which on progress rises.
      smoothing: s in perf <- s score + (1 - s) perf.
      progression_rate: by how much progress rises, per completion.
      progression_mode: "perf", or "time": with every completion.
      blending_smoothness: b, the width of the blend.
      blending_mode: "logistic" or "linear" flanks.
    """

    num_children: int
    performance_threshold: float = 0.8
    smoothing: float = 0.1
    progression_rate: float = 0.01
    progression_mode: str = "perf"
    blending_smoothness: float = 0.5
    blending_mode: str = "logistic"

    def init(self, key: jax.Array) -> BlendState:
        del key
        zero = jnp.zeros((), jnp.float32)
        return BlendState(performance=zero, num_scores=jnp.zeros((), jnp.int32), progress=zero)

    def weights(self, state: BlendState) -> jax.Array:
        return blend_gates(state.progress, self.num_children, self.blending_smoothness, self.blending_mode)

    def learn(self, state: BlendState, child: jax.Array, score: jax.Array) -> BlendState:
        del child
        smoothed = self.smoothing * score + (1.0 - self.smoothing) * state.performance
        performance = jnp.where(state.num_scores == 0, score, smoothed)
        num_scores = state.num_scores + 1
        if self.progression_mode == "time":
            progress = num_scores.astype(jnp.float32) * self.progression_rate
        else:
            rises = performance >= self.performance_threshold
            progress = state.progress + jnp.where(rises, self.progression_rate, 0.0)
        return BlendState(performance, num_scores, jnp.minimum(progress, 1.0))

    def stats(self, state: BlendState) -> dict[str, jax.Array]:
        return {"smoothed_performance": state.performance, "progress": state.progress}


def blend_gates(progress: jax.Array, num_tasks: int, smoothness: float, mode: str) -> jax.Array:
    """How open the gate of each task is at `progress` float32 [] in 0..1: float32 [n]."""
    place = jnp.arange(num_tasks, dtype=jnp.float32)
    p, b = progress * (num_tasks - 1), smoothness
    if mode == "linear":
        rising = jnp.clip((p - place + 2 * b) / b, 0.0, 1.0)
        return rising * jnp.clip((place + 2 * b - p) / b, 0.0, 1.0)
    return jax.nn.sigmoid((p - (place - b)) / b) * jax.nn.sigmoid(-(p - (place + b)) / b)
