"""Writing the rollout buffer slot by slot, reading minibatches from it, and its statistics."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.rl.batch_layout import BatchLayout
from metta_jax.rl.train_state import Experience, Minibatch, MinibatchLoss, Recurrent


def create_experience(
    layout: BatchLayout,
    observation: jax.Array,
    recurrent: Recurrent,
    *,
    num_flat_actions: int,
    num_teachers: int,
) -> Experience:
    """An empty buffer for observations like `observation` uint8 [N * A, M, 3] and `recurrent` states [L, N * A, H]."""
    rows, slots = layout.num_rows, layout.horizon

    def zeros(*shape: int) -> jax.Array:
        return jnp.zeros(shape, jnp.float32)

    return Experience(
        observation=jnp.zeros((rows, slots, *observation.shape[1:]), observation.dtype),
        action=jnp.zeros((rows, slots, 2), jnp.int32),
        logprob=zeros(rows, slots),
        value=zeros(rows, slots),
        reward=zeros(rows, slots),
        done=zeros(rows, slots),
        truncated=zeros(rows, slots),
        final_value=zeros(rows, slots),
        ratio=jnp.ones((rows, slots), jnp.float32),
        initial_state=(_zero_rows(rows, recurrent[0]), _zero_rows(rows, recurrent[1])),
        next_value=zeros(rows),
        next_reward=zeros(rows),
        next_done=zeros(rows),
        next_truncated=zeros(rows),
        next_final_value=zeros(rows),
        teacher_log_probs=tuple(zeros(rows, slots, num_flat_actions) for _ in range(num_teachers)),
        teacher_values=tuple(zeros(rows, slots) for _ in range(num_teachers)),
    )


def write_slot(experience: Experience, layout: BatchLayout, position: jax.Array, slot: dict[str, Any]) -> Experience:
    """Write one slot of all agents.

    Args:
      position: int32 [], steps since the rollout began.
      slot: field name -> array [N * A, ...], or a tuple of them.
    """
    row_round, column = position // layout.horizon, position % layout.horizon

    def write(buffer: jax.Array, block: jax.Array) -> jax.Array:
        if layout.rounds_fill_rows:
            # One block of rows: a slice update works in place where an indexed write would loop over rows.
            start = (row_round % layout.num_rounds) * layout.num_agents
            origin = (start, column) + (jnp.int32(0),) * (buffer.ndim - 2)
            return jax.lax.dynamic_update_slice(buffer, block[:, None], origin)
        rows = _rows(layout, row_round)
        return buffer.at[rows, column].set(block, unique_indices=True, mode="promise_in_bounds")

    return _write_fields(experience, slot, write)


def write_rows(experience: Experience, layout: BatchLayout, row_round: jax.Array, values: dict[str, Any]) -> Experience:
    """Write per-row fields of all agents for one round.

    Args:
      row_round: int32 [], the round whose rows are meant.
      values: field name -> array [N * A, ...], or a tuple of them.
    """

    def write(buffer: jax.Array, block: jax.Array) -> jax.Array:
        if layout.rounds_fill_rows:
            start = (row_round % layout.num_rounds) * layout.num_agents
            return jax.lax.dynamic_update_slice(buffer, block, (start,) + (jnp.int32(0),) * (buffer.ndim - 1))
        rows = _rows(layout, row_round)
        return buffer.at[rows].set(block, unique_indices=True, mode="promise_in_bounds")

    return _write_fields(experience, values, write)


def take_minibatch(
    batch: Experience,
    advantages: jax.Array,
    indices: jax.Array,
    prio_weights: jax.Array,
    dropout_key: jax.Array | None = None,
) -> Minibatch:
    """The rows `indices` int32 [B] of the buffer, with their advantages [S, T] and weights float32 [B, 1]."""

    def take(rows: jax.Array) -> jax.Array:
        return rows.at[indices].get(mode="promise_in_bounds")

    values, row_advantages = take(batch.value), take(advantages)
    return Minibatch(
        obs=take(batch.observation),
        actions=take(batch.action),
        logprobs=take(batch.logprob),
        values=values,
        rewards=take(batch.reward),
        dones=take(batch.done),
        truncateds=take(batch.truncated),
        final_values=take(batch.final_value),
        advantages=row_advantages,
        returns=row_advantages + values,
        indices=indices,
        prio_weights=prio_weights,
        ratio=take(batch.ratio),
        initial_state=(
            jnp.swapaxes(take(batch.initial_state[0]), 0, 1),
            jnp.swapaxes(take(batch.initial_state[1]), 0, 1),
        ),
        next_value=take(batch.next_value),
        next_reward=take(batch.next_reward),
        next_done=take(batch.next_done),
        next_truncated=take(batch.next_truncated),
        next_final_value=take(batch.next_final_value),
        teacher_log_probs=tuple(take(rows) for rows in batch.teacher_log_probs),
        teacher_values=tuple(take(rows) for rows in batch.teacher_values),
        dropout_key=dropout_key,
    )


def write_back(batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
    """The buffer with the new values and ratios in the minibatch's rows.

    Rows that are drawn again then have another old value and another return, as in the original trainer.
    """
    return batch.replace(
        value=batch.value.at[minibatch.indices].set(loss.values, unique_indices=True),
        ratio=batch.ratio.at[minibatch.indices].set(loss.ratio, unique_indices=True),
    )


def experience_stats(experience: Experience, layout: BatchLayout, position: jax.Array) -> dict[str, jax.Array]:
    """Means over the buffer, float32 [] each, without the group name.

    `ep_lengths` is the mean number of written slots of the rows that are not complete, 0 if all are.
    """
    actions = experience.action.astype(jnp.float32)
    return {
        "rewards": jnp.mean(experience.reward),
        "values": jnp.mean(experience.value),
        "logprobs": jnp.mean(experience.logprob),
        "dones": jnp.mean(experience.done),
        "truncateds": jnp.mean(experience.truncated),
        "ratio": jnp.mean(experience.ratio),
        # All agents write the same column, so the rows in progress have one length.
        "ep_lengths": (position % layout.horizon).astype(jnp.float32),
        "actions_mean": jnp.mean(actions),
        "actions_std": jnp.std(actions),
    }


def _rows(layout: BatchLayout, row_round: jax.Array) -> jax.Array:
    agents = jnp.arange(layout.num_agents, dtype=jnp.int32)
    return (row_round * jnp.int32(layout.num_agents) + agents) % layout.num_rows


def _zero_rows(rows: int, state: jax.Array) -> jax.Array:
    layers, _, hidden = state.shape
    return jnp.zeros((rows, layers, hidden), state.dtype)


def _write_fields(experience: Experience, values: dict[str, Any], write: Any) -> Experience:
    written = {name: jax.tree.map(write, getattr(experience, name), value) for name, value in values.items()}
    return experience.replace(**written)
