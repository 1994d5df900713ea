"""A loss, an advantage and a sampler of one's own, each in a few lines."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metta_jax.rl import MinibatchLoss, TrainingComponents, compute_advantage, minibatch_loss
from tests.rl.training import assert_fused_equals_written_out, variant


def shrinking_loss(plan: Any, params: Any, minibatch: Any, **options: Any) -> MinibatchLoss:
    loss = minibatch_loss(plan, params, minibatch, **options)
    return loss.replace(total=0.0 * loss.total + 0.5 * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params)))


def loss_with_a_part_of_its_own(plan: Any, params: Any, minibatch: Any, **options: Any) -> MinibatchLoss:
    loss = minibatch_loss(plan, params, minibatch, **options)
    aux_loss = jnp.mean(jnp.square(loss.values))
    return loss.replace(total=loss.total + 0.5 * aux_loss, parts=loss.parts | {"aux_loss": aux_loss})


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


def test_a_part_of_a_loss_of_ones_own_is_a_metric() -> None:
    default = variant("default")
    training = TrainingComponents.create(
        default.plan.env, default.plan.agent, default.config, loss_fn=loss_with_a_part_of_its_own
    )
    start = training.init(jax.random.key(0))
    state, batch = training.rollout(start)
    minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
    _, loss = training.train_minibatch(state, minibatch)
    assert float(loss.parts["aux_loss"]) == pytest.approx(float(jnp.mean(jnp.square(loss.values))), rel=1e-6)
    assert_fused_equals_written_out(training)
    _, metrics = training.train_step(start)
    assert 0.0 < float(metrics["losses/aux_loss"]) < 10.0
    # A state knows the parts of the loss that it was made for.
    with pytest.raises(ValueError, match=r"loss_fn: returns the parts \[.*'aux_loss'.*\], but the state has"):
        training.train_minibatch(default.init(jax.random.key(0)), minibatch)


def test_a_part_that_is_no_number_is_refused() -> None:
    default = variant("default")

    def vector_part(plan: Any, params: Any, minibatch: Any, **options: Any) -> MinibatchLoss:
        loss = minibatch_loss(plan, params, minibatch, **options)
        return loss.replace(parts=loss.parts | {"mine": loss.values})

    training = TrainingComponents.create(default.plan.env, default.plan.agent, default.config, loss_fn=vector_part)
    with pytest.raises(ValueError, match=r"loss_fn: its part 'mine' is float32\[4, 8\], not float32\[\]"):
        training.init(jax.random.key(0))


@pytest.mark.parametrize("optimizer", [optax.sgd(0.5), optax.chain(optax.clip(0.1), optax.lion(0.01))])
def test_an_optimizer_of_ones_own(optimizer: optax.GradientTransformation) -> None:
    default = variant("default")
    training = TrainingComponents.create(default.plan.env, default.plan.agent, default.config, optimizer=optimizer)
    state = training.init(jax.random.key(0))
    ones = jax.tree.map(lambda x: jnp.full_like(x, 1e-3), state.params)
    state = state.replace(grads=state.grads.replace(total=ones, count=jnp.int32(1)))
    after = training.optimize_step(state)
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = optimizer.update(ones, optimizer.init(state.params), state.params)
    expected = optax.apply_updates(state.params, updates)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), after.params, expected)
    _, metrics = training.train_step(training.init(jax.random.key(0)))
    assert "parameters/learning_rate" not in metrics
