"""Which tasks were completed lately."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

WINDOW = 501  # the original's window of 500 is exceeded by one


class Completions(flax.struct.PyTreeNode):
    """The last 501 completed children, and what their episodes scored since the rollout began. n children."""

    recent: jax.Array  # int32 [501], a ring of indices; -1 where there is none yet
    next: jax.Array  # int32 []: where the next one goes
    count: jax.Array  # int32 [n]: how often each is in the ring
    episodes: jax.Array  # int32 [n]: since the rollout began
    score_sum: jax.Array  # float32 [n]: since the rollout began


def no_completions(num_children: int) -> Completions:
    """Before the first episode."""
    none = jnp.zeros((num_children,), jnp.int32)
    return Completions(
        recent=jnp.full((WINDOW,), -1, jnp.int32),
        next=jnp.zeros((), jnp.int32),
        count=none,
        episodes=none,
        score_sum=jnp.zeros((num_children,), jnp.float32),
    )


def add_completion(state: Completions, child: jax.Array, score: jax.Array) -> Completions:
    """One more episode of `child` int32 []; it takes the place of the oldest in a full ring."""
    oldest = state.recent[state.next]
    leaves = (oldest >= 0).astype(jnp.int32)
    return Completions(
        recent=state.recent.at[state.next].set(child),
        next=(state.next + 1) % WINDOW,
        count=state.count.at[jnp.maximum(oldest, 0)].add(-leaves).at[child].add(1),
        episodes=state.episodes.at[child].add(1),
        score_sum=state.score_sum.at[child].add(score),
    )


def shares(state: Completions) -> jax.Array:
    """The part of each child in the ring, float32 [n]; 0 if nothing was completed."""
    total = jnp.maximum(jnp.sum(state.count), 1)
    return state.count.astype(jnp.float32) / total.astype(jnp.float32)


def mean_scores(state: Completions) -> jax.Array:
    """Mean score of each child's episodes since the rollout began, float32 [n]; NaN if there was none."""
    return state.score_sum / state.episodes.astype(jnp.float32)


def forget_scores(state: Completions) -> Completions:
    """A new rollout begins."""
    return state.replace(episodes=jnp.zeros_like(state.episodes), score_sum=jnp.zeros_like(state.score_sum))
