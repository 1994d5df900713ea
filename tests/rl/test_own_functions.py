"""A loss, an advantage and a sampler of one's own, each in a few lines."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.rl import MinibatchLoss, TrainingComponents, compute_advantage, minibatch_loss
from tests.rl.training import variant


def shrinking_loss(plan: Any, params: Any, minibatch: Any, **options: Any) -> MinibatchLoss:
    loss = minibatch_loss(plan, params, minibatch, **options)
    return loss.replace(total=0.0 * loss.total + 0.5 * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params)))


def first_rows(key: jax.Array, advantages: jax.Array, num_rows: int, **_: Any) -> tuple[jax.Array, jax.Array]:
    return jnp.arange(num_rows, dtype=jnp.int32), jnp.full((num_rows, 1), 2.0, jnp.float32)


def test_own_functions() -> None:
    gae = functools.partial(compute_advantage, estimator="gae")
    default = variant("default")
    training = TrainingComponents.create(
        default.plan.env,
        default.plan.agent,
        default.config,
        loss_fn=shrinking_loss,
        advantage_fn=gae,
        draw_fn=first_rows,
    )
    state, batch = default.rollout(default.init(jax.random.key(0)))
    advantages = training.compute_advantages(batch)
    minibatch = training.sample_minibatch(jax.random.key(1), batch, advantages, 0.6)
    assert minibatch.indices.tolist() == [0, 1, 2, 3]
    assert minibatch.prio_weights.tolist() == [[2.0]] * 4
    state, _ = training.train_minibatch(state, minibatch)
    for gradient, leaf in zip(jax.tree.leaves(state.grads.total), jax.tree.leaves(state.params), strict=True):
        np.testing.assert_allclose(np.asarray(gradient), np.asarray(leaf), rtol=1e-6)
