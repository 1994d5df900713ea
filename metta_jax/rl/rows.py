"""The rows of a rollout: their advantages, and the minibatches that are taken from them.

Rows are divided into `row_groups` groups of consecutive ones, of which a minibatch takes equally many each. Groups are
drawn independently, so a device that holds some of them needs to know nothing of the others. With one group, a
minibatch is drawn from all rows.

S rows of the buffer, G groups, B rows of a minibatch, T slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp

from metta_jax.rl.apart import run_apart, tied_to_turn
from metta_jax.rl.experience import take_minibatch
from metta_jax.rl.minibatch import batch_advantages, dropout_key
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.sampling import shuffle_rows
from metta_jax.rl.train_state import Experience, Minibatch

_Tree = TypeVar("_Tree")


@dataclass(frozen=True)
class Rows:
    """How the training phase reads the rows of a rollout: here, all of them are on one device."""

    def bring(self, tree: _Tree) -> _Tree:
        """Put rows, and what else belongs to environments, where `sample` and the others read them."""
        return tree

    def compute_advantages(self, plan: TrainingPlan, batch: Experience) -> jax.Array:
        """See `compute_advantages`."""
        return compute_advantages(plan, batch)

    def sample(
        self, plan: TrainingPlan, key: jax.Array, batch: Experience, advantages: jax.Array, beta: jax.Array
    ) -> Minibatch:
        """See `sample_minibatch`."""
        return sample_minibatch(plan, key, batch, advantages, beta)

    def shuffle(self, plan: TrainingPlan, key: jax.Array) -> jax.Array:
        """See `shuffled_rows`."""
        return shuffled_rows(plan, key, plan.layout.row_groups)

    def deal(
        self, plan: TrainingPlan, key: jax.Array, batch: Experience, advantages: jax.Array, rows: jax.Array
    ) -> Minibatch:
        """See `dealt_minibatch`."""
        return dealt_minibatch(plan, key, batch, advantages, rows)


def compute_advantages(plan: TrainingPlan, batch: Experience) -> jax.Array:
    """Advantages of the whole rollout with importance 1, float32 [S, T]."""

    def turn(index: jax.Array, _: jax.Array) -> jax.Array:
        return batch_advantages(plan, batch.replace(value=tied_to_turn(batch.value, index))).reshape(-1)

    # The recursion leaves columns behind one another in memory, or not, depending on the surrounding program. Sums over
    # the array add in the order of memory. So it leaves an iteration of its own as a flat array, whose order is rows
    # first.
    nothing = jnp.zeros((batch.value.size,), jnp.float32)
    return run_apart(plan.keeps_bits, batch.action[0, 0, 0], turn, nothing).reshape(batch.value.shape)


def sample_minibatch(
    plan: TrainingPlan,
    key: jax.Array,
    batch: Experience,
    advantages: jax.Array,
    beta: jax.Array,
    first_group: jax.Array | int = 0,
) -> Minibatch:
    """Draw rows by the size of their advantages, all different, as many from each group; consumes `key`.

    Args:
      batch, advantages: the rows of some groups, or of all.
      first_group: the first of them.
    """
    layout = plan.layout
    per_group = layout.rows_per_minibatch // layout.row_groups
    groups = jnp.arange(advantages.shape[0] // layout.rows_per_group, dtype=jnp.int32)

    def draw(key: jax.Array, advantages: jax.Array) -> tuple[jax.Array, jax.Array]:
        return plan.draw_fn(key, advantages, per_group, prio_alpha=plan.hyperparameters.prio_alpha, beta=beta)

    def turn(index: jax.Array, _: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        here = tied_to_turn(advantages, index)
        if layout.row_groups == 1:
            return draw(key, here)
        indices, weights = jax.vmap(draw)(
            _group_keys(key, groups + first_group), here.reshape(groups.size, layout.rows_per_group, -1)
        )
        return (indices + groups[:, None] * layout.rows_per_group).reshape(-1), weights.reshape(-1, 1)

    size = per_group * groups.size
    nothing = (jnp.zeros((size,), jnp.int32), jnp.zeros((size, 1), jnp.float32))
    indices, weights = run_apart(plan.keeps_bits, batch.action[0, 0, 0], turn, nothing)
    minibatch = take_minibatch(batch, advantages, indices, weights, dropout_key(plan, key))
    return minibatch.replace(indices=indices + first_group * layout.rows_per_group)


def shuffled_rows(plan: TrainingPlan, key: jax.Array, num_groups: int, first_group: jax.Array | int = 0) -> jax.Array:
    """The rows of each minibatch of an epoch, as many from each group; consumes `key`.

    Returns:
      int32 [num_minibatches, rows of one], those of `num_groups` groups from `first_group`.
    """
    layout = plan.layout
    if layout.row_groups == 1:
        return shuffle_rows(key, layout.num_rows, layout.num_minibatches)
    groups = first_group + jnp.arange(num_groups, dtype=jnp.int32)
    keys = _group_keys(key, groups)
    rows = jax.vmap(lambda key: shuffle_rows(key, layout.rows_per_group, layout.num_minibatches))(keys)
    rows = rows + groups[:, None, None] * layout.rows_per_group
    return jnp.swapaxes(rows, 0, 1).reshape(layout.num_minibatches, -1)


def dealt_minibatch(
    plan: TrainingPlan,
    key: jax.Array,
    batch: Experience,
    advantages: jax.Array,
    rows: jax.Array,
    first_group: jax.Array | int = 0,
) -> Minibatch:
    """The given rows int32 [B], all of the same weight; consumes `key`, for dropout.

    Args:
      batch, advantages: the rows of some groups, or of all; those given are among them.
      first_group: the first of them.
    """
    weights = jnp.ones((rows.shape[0], 1), jnp.float32)
    here = rows - first_group * plan.layout.rows_per_group
    return take_minibatch(batch, advantages, here, weights, dropout_key(plan, key)).replace(indices=rows)


def _group_keys(key: jax.Array, groups: jax.Array) -> jax.Array:
    """A key for each group; 1 is not folded in, which makes `dropout_key`."""
    return jax.vmap(lambda group: jax.random.fold_in(key, group + 2))(groups)
