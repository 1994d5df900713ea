"""Everything that changes during training, as one immutable pytree.

S rows of the buffer, B rows of a minibatch, T slots, N environments of A agents, M observation tokens, L recurrent
layers, H hidden units, F flat actions. A state holds typed arrays only: no Python numbers, no weak types, so that the
programs compiled for the first state serve all later ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

Params = Any
Recurrent = tuple[jax.Array, jax.Array]


class StepCounter(struct.PyTreeNode):
    """A count of agent steps in two 32-bit words: runs are longer than 2**31 steps and JAX has no 64-bit integers here.

    `int(counter)` reads it on the host.
    """

    low: jax.Array  # uint32 []
    high: jax.Array  # uint32 []

    @classmethod
    def create(cls, value: int = 0) -> StepCounter:
        if not 0 <= value < 2**64:
            raise ValueError(f"agent_step: {value} is not in 0..2**64-1")
        return cls(low=jnp.uint32(value & 0xFFFFFFFF), high=jnp.uint32(value >> 32))

    def add(self, num_steps: int) -> StepCounter:
        """The counter after `num_steps` (0..2**32-1) more steps."""
        low = self.low + jnp.uint32(num_steps)
        return StepCounter(low=low, high=self.high + (low < self.low).astype(jnp.uint32))

    def remaining(self, target: StepCounter) -> jax.Array:
        """`target` minus the counter as float32 [], exact except for one rounding at the end."""
        borrow = (target.low < self.low).astype(jnp.uint32)
        low, high = target.low - self.low, target.high - self.high - borrow
        # Two's complement: the magnitude is taken in integers, a float32 would lose small negative numbers.
        negative = high >> 31 == 1
        low, high = (
            jnp.where(negative, ~low + 1, low),
            jnp.where(negative, ~high + (low == 0).astype(jnp.uint32), high),
        )
        magnitude = high.astype(jnp.float32) * jnp.float32(2.0**32) + low.astype(jnp.float32)
        return jnp.where(negative, -magnitude, magnitude)

    def __int__(self) -> int:
        return (int(np.asarray(self.high)) << 32) | int(np.asarray(self.low))

    __index__ = __int__


class Experience(struct.PyTreeNode):
    """The rollout buffer. Slot t holds what came with observation t, so the reward of action t is in slot t + 1."""

    observation: jax.Array  # uint8 [S, T, M, 3]
    action: jax.Array  # int32 [S, T, 2]
    logprob: jax.Array  # float32 [S, T], of the action under the policy that acted
    value: jax.Array  # float32 [S, T]
    reward: jax.Array  # float32 [S, T]
    done: jax.Array  # float32 [S, T], 1 where the episode before this slot was terminated
    truncated: jax.Array  # float32 [S, T], 1 where it was truncated
    final_value: jax.Array  # float32 [S, T], value of that episode's last observation if it was truncated, else 0
    ratio: jax.Array  # float32 [S, T], 1 until a minibatch writes back
    initial_state: Recurrent  # float32 [S, L, H] each, before slot 0
    next_value: jax.Array  # float32 [S], of the slot that follows the last one
    next_reward: jax.Array  # float32 [S]
    next_done: jax.Array  # float32 [S]
    next_truncated: jax.Array  # float32 [S]
    next_final_value: jax.Array  # float32 [S]
    teacher_log_probs: tuple[jax.Array, ...]  # float32 [S, T, F] per teacher
    teacher_values: tuple[jax.Array, ...]  # float32 [S, T] per teacher


class Minibatch(struct.PyTreeNode):
    """B rows of the buffer. Slots as in `Experience`."""

    obs: jax.Array  # uint8 [B, T, M, 3]
    actions: jax.Array  # int32 [B, T, 2]
    logprobs: jax.Array  # float32 [B, T]
    values: jax.Array  # float32 [B, T]
    rewards: jax.Array  # float32 [B, T]
    dones: jax.Array  # float32 [B, T]
    truncateds: jax.Array  # float32 [B, T]
    final_values: jax.Array  # float32 [B, T]
    advantages: jax.Array  # float32 [B, T], of the whole rollout with importance 1
    returns: jax.Array  # float32 [B, T], advantages + values
    indices: jax.Array  # int32 [B], rows of the buffer
    prio_weights: jax.Array  # float32 [B, 1]
    ratio: jax.Array  # float32 [B, T]
    initial_state: Recurrent  # float32 [L, B, H] each
    next_value: jax.Array  # float32 [B]
    next_reward: jax.Array  # float32 [B]
    next_done: jax.Array  # float32 [B]
    next_truncated: jax.Array  # float32 [B]
    next_final_value: jax.Array  # float32 [B]
    teacher_log_probs: tuple[jax.Array, ...]  # float32 [B, T, F] per teacher
    teacher_values: tuple[jax.Array, ...]  # float32 [B, T] per teacher
    dropout_key: jax.Array | None = None  # typed key; None for a network without dropout


class Losses(struct.PyTreeNode):
    """The loss of one update so far; `loss_stats` makes means of it."""

    sums: dict[str, jax.Array]  # float32 [] each: the parts of `MinibatchLoss`, summed over minibatches
    explained_variance: jax.Array  # float32 [], of the whole rollout, not a sum
    num_minibatches: jax.Array  # int32 []


class MinibatchLoss(struct.PyTreeNode):
    """What one forward and backward pass found."""

    total: jax.Array  # float32 [], the number that was differentiated
    parts: dict[str, jax.Array]  # float32 [] each: those of `metta_jax.rl.losses.LOSS_TERMS`, and a loss_fn's own
    values: jax.Array  # float32 [B, T], new values
    ratio: jax.Array  # float32 [B, T], new importance ratios


class GradientSum(struct.PyTreeNode):
    """Gradients of the minibatches since the last optimizer step."""

    total: Params
    count: jax.Array  # int32 []

    def add(self, grads: Params) -> GradientSum:
        """The sum with the gradient of one more minibatch."""
        return GradientSum(total=jax.tree.map(jnp.add, self.total, grads), count=self.count + 1)


class GradientStats(struct.PyTreeNode):
    """Moments of the last gradient that was due for statistics, float32 []; NaN if none was due in this update."""

    mean: jax.Array
    variance: jax.Array
    norm: jax.Array
    clipped_norm: jax.Array


class EpisodeTotals(struct.PyTreeNode):
    """Episodes that ended since the rollout began, per environment."""

    count: jax.Array  # int32 [N]
    return_sum: jax.Array  # float32 [N, A]
    length_sum: jax.Array  # int32 [N]
    share_sum: jax.Array  # float32 [N]: the length of each as a share of its task's step limit, 1 without a limit
    stat_sum: jax.Array | None  # float32 [N, G, K]: statistics of all agents of a group; None if there are none


class TrainState(struct.PyTreeNode):
    """The whole state of a training run. Saving it and loading it continues the run bit for bit."""

    params: Params
    opt_state: Any  # of `TrainingPlan.optimizer`
    grads: GradientSum
    env_state: Any  # VectorState, or another with an `observation` [N, A, M, 3]
    reward: jax.Array  # float32 [N * A], came with the last observation
    done: jax.Array  # float32 [N * A], the episode before it was terminated
    truncated: jax.Array  # float32 [N * A]
    final_value: jax.Array  # float32 [N * A], as in Experience
    recurrent: Recurrent  # float32 [L, N * A, H] each
    experience: Any  # Experience; None where a function does without it
    position: jax.Array  # int32 [], slots written since the rollout began
    losses: Losses
    gradient_stats: GradientStats
    l2_init: dict[str, jax.Array]  # reference weights of the parameter layers; empty if the loss is off
    weight_limits: dict[str, jax.Array]  # bounds of weight clipping, from the first parameters; empty if it is off
    teacher_params: tuple[Params, ...]
    teacher_recurrent: tuple[Recurrent, ...]
    episodes: EpisodeTotals
    curriculum: Any  # CurriculumState, one for all environments; () if there is only one task
    key: jax.Array
    agent_step: StepCounter
    epoch: jax.Array  # int32 [], update epochs
    rollout_count: jax.Array  # int32 [], finished updates; the learning-rate schedule reads it
    num_skipped_steps: jax.Array  # int32 [], optimizer steps left out, as they or their gradient were not finite

    def __repr__(self) -> str:
        """Counters and sizes; reads no other arrays."""
        leaves = [leaf for leaf in jax.tree.leaves(self) if hasattr(leaf, "nbytes")]
        num_params = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(self.params))
        return (
            f"TrainState(epoch={_count(self.epoch)}, agent_step={_count(self.agent_step)}): {num_params:,} parameters, "
            f"{sum(leaf.nbytes for leaf in leaves) / 1e6:,.1f} MB in {len(leaves)} arrays"
        )

    @property
    def observation(self) -> jax.Array:
        """uint8 [N * A, M, 3], the last one, not yet acted upon."""
        observation = self.env_state.observation
        return observation.reshape(-1, *observation.shape[2:])


def _count(counter: Any) -> str:
    """A counter's value, or what is there instead: a tracer, the counters of a population, or nothing any more."""
    try:
        return f"{int(counter):,}"
    except Exception:
        first = jax.tree.leaves(counter)[:1]
        return f"{getattr(first[0], 'dtype', '?')}{list(getattr(first[0], 'shape', ()))}" if first else "?"


def zero_losses(parts: Iterable[str]) -> Losses:
    """Losses before the first minibatch, with sums of these names."""
    return Losses(
        sums={name: jnp.zeros((), jnp.float32) for name in parts},
        explained_variance=jnp.full((), jnp.nan, jnp.float32),
        num_minibatches=jnp.zeros((), jnp.int32),
    )


def no_loss(minibatch: Minibatch, parts: Iterable[str]) -> MinibatchLoss:
    """Zeros with the shapes of the loss of `minibatch`, which has parts of these names."""
    zero = jnp.zeros((), jnp.float32)
    slots = jnp.zeros(minibatch.logprobs.shape, jnp.float32)
    return MinibatchLoss(total=zero, parts=dict.fromkeys(parts, zero), values=slots, ratio=slots)


def no_gradient_stats() -> GradientStats:
    """Statistics before a gradient was due."""
    return GradientStats(*(jnp.full((), jnp.nan, jnp.float32) for _ in range(4)))


def zero_gradients(params: Params) -> GradientSum:
    """An empty sum with the shapes of `params`."""
    return GradientSum(total=jax.tree.map(jnp.zeros_like, params), count=jnp.zeros((), jnp.int32))


def zero_episodes(num_envs: int, agents_per_env: int, stat_shape: tuple[int, int] | None = None) -> EpisodeTotals:
    """No episode has ended yet. `stat_shape`: G, K, or None if no statistics are kept."""
    return EpisodeTotals(
        count=jnp.zeros((num_envs,), jnp.int32),
        return_sum=jnp.zeros((num_envs, agents_per_env), jnp.float32),
        length_sum=jnp.zeros((num_envs,), jnp.int32),
        share_sum=jnp.zeros((num_envs,), jnp.float32),
        stat_sum=None if stat_shape is None else jnp.zeros((num_envs, *stat_shape), jnp.float32),
    )
