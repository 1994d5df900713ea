"""Move on to harder tasks as the score rises: a room that grows, or a list of tasks that blend into each other.

Only episodes of the current task count. Parallel environments end their episodes together, and those that began earlier
must not carry the curriculum past tasks that have never been played.
"""

from __future__ import annotations

from dataclasses import dataclass

import flax.struct
import jax
import jax.numpy as jnp

GROWING_SCORE = 0.5


@dataclass(frozen=True)
class GrowingRule:
    """The next child after an episode of this one with a score above 0.5, up to the last one.

    The state is its index, int32 []. Episodes of earlier children that are still running change nothing.
    """

    num_children: int

    def init(self, key: jax.Array) -> jax.Array:
        del key
        return jnp.zeros((), jnp.int32)

    def weights(self, state: jax.Array) -> jax.Array:
        return (jnp.arange(self.num_children, dtype=jnp.int32) == state).astype(jnp.float32)

    def learn(self, state: jax.Array, child: jax.Array, score: jax.Array) -> jax.Array:
        grows = ((child == state) & (score > GROWING_SCORE)).astype(jnp.int32)
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

    Only completions of the task nearest to p raise progress. With any number of environments, reaching the end takes at
    least 1 / (2 r (n - 1)) episodes of the first and the last task, and 1 / (r (n - 1)) of each task in between, where
    r is the progression rate.

    Attributes:
      num_children: n.
      performance_threshold: in mode "perf", the smoothed score from which on progress rises.
      smoothing: s in perf <- s score + (1 - s) perf.
      progression_rate: by how much progress rises, per completion of the nearest task.
      progression_mode: "perf": only while the smoothed score of all completions is high enough; "time": always.
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
        smoothed = self.smoothing * score + (1.0 - self.smoothing) * state.performance
        performance = jnp.where(state.num_scores == 0, score, smoothed)
        rises = child == self.nearest(state)
        if self.progression_mode == "perf":
            rises = rises & (performance >= self.performance_threshold)
        progress = state.progress + jnp.where(rises, self.progression_rate, 0.0)
        return BlendState(performance, state.num_scores + 1, jnp.minimum(progress, 1.0))

    def nearest(self, state: BlendState) -> jax.Array:
        """The task nearest to p, int32 []; the later one if two are equally near."""
        return jnp.floor(state.progress * (self.num_children - 1) + 0.5).astype(jnp.int32)

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
