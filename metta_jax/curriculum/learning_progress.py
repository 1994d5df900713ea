"""Play most what is being learned, or forgotten, fastest (bidirectional learning progress, Kanitscheider et al. 2021).

Formulas: the curriculum chapter of the specification. n children; outcomes are scores clipped to 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import flax.struct
import jax
import jax.numpy as jnp

_HIGHEST_BASELINE = 0.75


class ProgressState(flax.struct.PyTreeNode):
    """Outcomes of the n children and what was made of them when the distribution was last computed."""

    key: jax.Array  # typed key that draws active children
    # The list of outcomes of each child: its sum and length, and its end, which is what a recomputation leaves of it.
    outcome_sum: jax.Array  # float32 [n]
    num_outcomes: jax.Array  # int32 [n]
    recent: jax.Array  # float32 [n, memory], a ring
    num_recent: jax.Array  # int32 [n], at most memory
    next_recent: jax.Array  # int32 [n], where the next one goes
    num_new: jax.Array  # int32 [n]: outcomes of active children since the last computation
    active: jax.Array  # bool [n]
    computed: jax.Array  # bool []
    baseline: jax.Array  # float32 [n]
    fast: jax.Array  # float32 [n]
    slow: jax.Array  # float32 [n]
    true_rate: jax.Array  # float32 [n]
    success_rate: jax.Array  # float32 [n]
    distribution: jax.Array  # float32 [n], sums to 1 once it was computed; the given weights before
    mean_evals: jax.Array  # float32 []
    num_nan: jax.Array  # int32 []


@dataclass(frozen=True)
class LearningProgressRule:
    """See the module. The distribution is recomputed when an active child has `sample_threshold` new outcomes.

    Attributes:
      initial: weights before the first completion.
      ema_timescale: step of the two moving averages whose difference is progress.
      progress_smoothing: theta of the reweighting that stretches small rates.
      num_active_tasks: draws that make up the next active set.
      rand_task_rate: the probability that such a draw is uniform.
      sample_threshold: see above.
      memory: outcomes of each child that outlive a recomputation.
      explore_in_sampling: episodes are drawn uniformly with the same probability too. Without it a child whose
        probability became 0 is never played again.
    """

    initial: tuple[float, ...]
    ema_timescale: float = 0.001
    progress_smoothing: float = 0.05
    num_active_tasks: int = 16
    rand_task_rate: float = 0.25
    sample_threshold: int = 10
    memory: int = 25
    explore_in_sampling: bool = True

    @property
    def num_children(self) -> int:
        return len(self.initial)

    def init(self, key: jax.Array) -> ProgressState:
        n = self.num_children
        zeros, none = jnp.zeros((n,), jnp.float32), jnp.zeros((n,), jnp.int32)
        return ProgressState(
            key=key,
            outcome_sum=zeros,
            num_outcomes=none,
            recent=jnp.zeros((n, self.memory), jnp.float32),
            num_recent=none,
            next_recent=none,
            num_new=none,
            active=jnp.ones((n,), bool),
            computed=jnp.zeros((), bool),
            baseline=zeros,
            fast=zeros,
            slow=zeros,
            true_rate=zeros,
            success_rate=zeros,
            distribution=jnp.asarray(self.initial, jnp.float32),
            mean_evals=jnp.zeros((), jnp.float32),
            num_nan=jnp.asarray(n, jnp.int32),
        )

    def weights(self, state: ProgressState) -> jax.Array:
        if not self.explore_in_sampling:
            return state.distribution
        rate = self.rand_task_rate
        explored = (1.0 - rate) * state.distribution + rate / self.num_children
        return jnp.where(state.computed, explored, state.distribution)

    def learn(self, state: ProgressState, child: jax.Array, score: jax.Array) -> ProgressState:
        outcome = jnp.clip(score, 0.0, 1.0)
        place = state.next_recent[child]
        state = state.replace(
            outcome_sum=state.outcome_sum.at[child].add(outcome),
            num_outcomes=state.num_outcomes.at[child].add(1),
            recent=state.recent.at[child, place].set(outcome),
            num_recent=state.num_recent.at[child].set(jnp.minimum(state.num_recent[child] + 1, self.memory)),
            next_recent=state.next_recent.at[child].set((place + 1) % self.memory),
            num_new=state.num_new.at[child].add(state.active[child].astype(jnp.int32)),
        )
        due = ~state.computed | jnp.any(state.num_new >= self.sample_threshold)
        return jax.lax.cond(due, self._recompute, lambda same: same, state)

    def stats(self, state: ProgressState) -> dict[str, jax.Array]:
        middle, rate = self.num_children // 2, state.success_rate
        # "task_1" is the first child; of two or three children the middle one would take its name, and is left out.
        middle_rate = {} if middle == 1 else {f"lp/task_{middle}_success_rate": rate[middle]}
        return {
            "lp/num_active_tasks": jnp.sum(state.active, dtype=jnp.int32),
            "lp/mean_sample_prob": jnp.mean(state.distribution),
            "lp/num_zeros_lp_dist": jnp.sum(state.distribution == 0, dtype=jnp.int32),
            "lp/task_1_success_rate": rate[0],
            **middle_rate,
            "lp/last_task_success_rate": rate[-1],
            "lp/task_success_rate": jnp.mean(rate),
            "lp/mean_evals_per_task": state.mean_evals,
            "lp/num_nan_tasks": state.num_nan,
        }

    def _recompute(self, state: ProgressState) -> ProgressState:
        count, tau = state.num_outcomes, self.ema_timescale
        rate = state.outcome_sum / jnp.maximum(count, 1).astype(jnp.float32)
        baseline = jnp.where(state.computed, state.baseline, jnp.minimum(rate, _HIGHEST_BASELINE))
        norm = jnp.maximum(rate - baseline, 0.0) / (1.0 - baseline)  # the baseline is at most 0.75

        def moved(average: jax.Array, new: jax.Array) -> jax.Array:
            after = jnp.where(state.active, (1.0 - tau) * average + tau * new, average)
            return jnp.where(state.computed, after, new)

        fast = moved(state.fast, norm)
        slow = moved(state.slow, fast)
        true_rate = moved(state.true_rate, rate)
        distribution = progress_distribution(fast, slow, true_rate, self.progress_smoothing)

        key, draw_key = jax.random.split(state.key)
        kept = jnp.arange(self.memory, dtype=jnp.int32)[None] < state.num_recent[:, None]
        return state.replace(
            key=key,
            outcome_sum=jnp.sum(jnp.where(kept, state.recent, 0.0), axis=1),
            num_outcomes=state.num_recent,
            num_new=jnp.zeros_like(count),
            active=self._draw_active(draw_key, distribution),
            computed=jnp.ones((), bool),
            baseline=baseline,
            fast=fast,
            slow=slow,
            true_rate=true_rate,
            success_rate=rate,
            distribution=distribution,
            mean_evals=jnp.mean(count.astype(jnp.float32)),
            num_nan=jnp.sum(count == 0, dtype=jnp.int32),
        )

    def _draw_active(self, key: jax.Array, distribution: jax.Array) -> jax.Array:
        n, shape = self.num_children, (self.num_active_tasks,)
        coin_key, uniform_key, weighted_key = jax.random.split(key, 3)
        is_uniform = jax.random.uniform(coin_key, shape, jnp.float32) < self.rand_task_rate
        anything = jax.random.randint(uniform_key, shape, 0, n, jnp.int32)
        weighted = jax.random.categorical(weighted_key, jnp.log(distribution), shape=shape).astype(jnp.int32)
        return jnp.zeros((n,), bool).at[jnp.where(is_uniform, anything, weighted)].set(True)


def progress_distribution(fast: jax.Array, slow: jax.Array, true_rate: jax.Array, smoothing: float) -> jax.Array:
    """The distribution over children, float32 [n], from their fast and slow averages and success rates [n].

    Children without progress and without any success get 0, unless all are such.
    """
    progress = jnp.abs(reweighted(fast, smoothing) - reweighted(slow, smoothing))
    some = (progress > 0) | (true_rate > 0)
    some = some | ~jnp.any(some)
    count = jnp.sum(some).astype(jnp.float32)
    centered = jnp.where(some, progress - jnp.sum(jnp.where(some, progress, 0.0)) / count, 0.0)
    std = jnp.sqrt(jnp.sum(centered * centered) / count)
    score = jax.nn.sigmoid(centered / jnp.where(std > 0, std, 1.0))
    score = jnp.where(some, score, 0.0)
    return score / jnp.sum(score)


def reweighted(rate: jax.Array, smoothing: float) -> jax.Array:
    """p (1 - theta) / (p + theta (1 - 2 p)): differences between small rates count for more."""
    below = rate + smoothing * (1.0 - 2.0 * rate)
    return rate * (1.0 - smoothing) / jnp.where(below > 0, below, 1.0)
