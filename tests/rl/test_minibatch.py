"""The advantages of a rollout and of a minibatch, and the gradient of the whole loss."""

from __future__ import annotations

from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import MinibatchLoss, Teacher
from metta_jax.rl.hyperparameters import create_hyperparameters
from metta_jax.rl.kickstart import create_kickstarter
from metta_jax.rl.minibatch import minibatch_advantages, minibatch_loss, process_minibatch_update
from metta_jax.rl.parameter_layers import layer_weights
from tests.rl.training import VARIANTS, config, variant


@pytest.mark.parametrize("name", VARIANTS)
def test_advantages_of_a_rollout_and_of_its_minibatches(name: str) -> None:
    training = variant(name)
    settings = training.config
    state, _ = training.rollout(training.init(jax.random.key(0)))
    state, batch = training.rollout(state)
    rows = jax.tree.map(np.asarray, batch)
    advantages = np.asarray(training.compute_advantages(batch))

    last = settings.advantage.bootstrap_last
    gamma, decay = settings.ppo.gamma, settings.ppo.gamma * settings.ppo.gae_lambda
    expected = np.zeros_like(advantages)
    following = np.zeros_like(rows.next_value)
    for t in reversed(range(expected.shape[1] if last else expected.shape[1] - 1)):
        if t + 1 < expected.shape[1]:
            value, reward, done, truncated, final = (
                getattr(rows, field)[:, t + 1] for field in ("value", "reward", "done", "truncated", "final_value")
            )
        else:
            value, reward, done, truncated, final = (
                getattr(rows, f"next_{field}") for field in ("value", "reward", "done", "truncated", "final_value")
            )
        running = 1.0 - np.maximum(done, truncated)
        following = reward + gamma * (final + running * value) - rows.value[:, t] + decay * running * following
        expected[:, t] = following
    np.testing.assert_allclose(advantages, expected, rtol=1e-4, atol=1e-5)

    minibatch = training.sample_minibatch(jax.random.key(1), batch, batch.reward + 1.0, 0.6)
    chosen = expected[np.asarray(minibatch.indices)]
    normalized = (chosen - chosen.mean()) / chosen.std(ddof=1)
    actual = minibatch_advantages(training.plan, minibatch, jnp.ones_like(minibatch.values))
    np.testing.assert_allclose(
        np.asarray(actual), np.asarray(minibatch.prio_weights) * normalized, rtol=1e-3, atol=1e-4
    )


def test_gradient_of_the_total_loss_equals_finite_differences() -> None:
    training = variant("default")
    state, batch = training.rollout(training.init(jax.random.key(0)))
    minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
    # Every term is on. Importance ratios above the clips make the advantage a constant, as its stopped gradient says.
    settings = config(
        ppo={"l2_reg_loss_coef": 0.05, "l2_init_loss_coef": 0.1, "ent_coef": 0.1, "clip_coef": 0.1},
        vtrace={"vtrace_rho_clip": 0.2, "vtrace_c_clip": 0.2},
        kickstart={"kickstart_steps": 1000, "anneal_ratio": 0.5},
    )
    kickstarter = create_kickstarter([Teacher(None, None, 0.5, 0.2)], settings.kickstart)
    numbers = create_hyperparameters(settings, training.plan.layout.batch_size, kickstarter)
    plan = training.plan.with_hyperparameters(numbers)
    teacher = jax.nn.log_softmax(jax.random.normal(jax.random.key(3), (*minibatch.values.shape, 3)))
    minibatch = minibatch.replace(teacher_log_probs=(teacher,), teacher_values=(minibatch.values + 1.0,))
    reference = layer_weights(plan.agent, state.params)
    # Away from the acting policy, so that some ratios and values are clipped.
    flat, unravel = jax.flatten_util.ravel_pytree(state.params)
    flat = flat + 0.1 * jax.random.normal(jax.random.key(2), flat.shape)

    def total(flat: jax.Array) -> jax.Array:
        return minibatch_loss(plan, unravel(flat), minibatch, reference=reference, agent_step=state.agent_step).total

    @jax.jit
    def differentiate(flat: jax.Array) -> tuple[Any, MinibatchLoss]:
        return process_minibatch_update(
            plan, unravel(flat), minibatch, reference=reference, agent_step=state.agent_step
        )

    grads, loss = differentiate(flat)
    assert 0.0 < float(loss.parts["clipfrac"]) < 1.0
    assert float(loss.parts["ks_action_loss"]) > 0.0
    gradient = np.asarray(jax.flatten_util.ravel_pytree(grads)[0])
    assert loss.values.shape == minibatch.values.shape

    step, num_directions = 2e-3, 48
    directions = jax.random.normal(jax.random.key(4), (num_directions, flat.size))
    directions = directions / jnp.linalg.norm(directions, axis=1, keepdims=True) * jnp.sqrt(jnp.float32(flat.size))
    shifted = flat[None] + step * jnp.concatenate([directions, -directions])
    values = np.asarray(jax.jit(jax.vmap(total))(shifted), np.float64)
    numeric = (values[:num_directions] - values[num_directions:]) / (2 * step)
    analytic = np.asarray(directions) @ gradient
    # Errors: float32 losses of size 1 over the step, and kinks of the clips inside a step.
    np.testing.assert_allclose(analytic, numeric, atol=0.01 * np.abs(analytic).max())
