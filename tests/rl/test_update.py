from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from metta_jax.rl import TrainState, compute_gradient_stats
from tests.programs import num_compiled
from tests.rl.training import VARIANTS, assert_same, manual_rollout, manual_update, variant

NUM_UPDATES = 3


@pytest.mark.parametrize("name", VARIANTS)
def test_train_step_equals_rollout_and_update_equals_the_written_out_loop(name: str) -> None:
    training = variant(name)
    fused = training.init(jax.random.key(0))
    parts = written_out = training.init(jax.random.key(0))
    for _ in range(NUM_UPDATES):
        fused, metrics = training.train_step(fused)
        parts, batch = training.rollout(parts)
        parts, part_metrics = training.update(parts, batch)
        written_out, loop_metrics = manual_update(training, manual_rollout(training, written_out))
        assert_same(fused, parts)
        assert_same(metrics, part_metrics)
        assert_same(parts, written_out)
        assert_same(part_metrics, loop_metrics)
    assert int(fused.rollout_count) == NUM_UPDATES
    assert int(fused.num_skipped_steps) == 0


@pytest.mark.parametrize("name", VARIANTS)
def test_every_program_compiles_once(name: str) -> None:
    training = variant.__wrapped__(name)  # not the shared one, which other files call with states from elsewhere
    state, _ = training.train_step(training.init(jax.random.key(0)))
    state, _ = training.train_step(state)
    parts, batch = training.rollout(state)
    parts, _ = training.update(parts, batch)
    written_out, _ = manual_update(training, manual_rollout(training, parts))
    training.rollout(written_out)
    sizes = {name: num_compiled(program) for name, program in vars(training.programs).items()}
    assert max(sizes.values()) == 1, sizes


def test_update_does_not_change_its_arguments() -> None:
    training = variant("default")
    state, batch = training.rollout(training.init(jax.random.key(0)))
    before = jax.tree.map(lambda x: x.copy(), (state, batch))
    training.update(state, batch)
    assert_same((state, batch), before)


def test_train_step_donates_its_state() -> None:
    training = variant("default")
    state = training.init(jax.random.key(0))
    training.train_step(state)
    assert state.experience.observation.is_deleted()
    assert jax.tree.leaves(state.params)[0].is_deleted()


def test_counters() -> None:
    training = variant("default")
    state, metrics = training.train_step(training.init(jax.random.key(0)))
    assert int(state.epoch) == 2
    assert int(state.rollout_count) == 1
    assert int(state.losses.num_minibatches) == 2 * training.num_minibatches
    assert int(state.agent_step) == 128
    # Warm-up over 3 rollouts: a third of the rate in the first.
    assert float(metrics["parameters/learning_rate"]) == pytest.approx(training.config.optimizer.learning_rate / 3)


def test_metrics() -> None:
    metrics = jax.device_get(variant("default").train_step(variant("default").init(jax.random.key(0)))[1])
    losses = {"policy_loss", "value_loss", "entropy", "approx_kl", "clipfrac", "importance"}
    losses |= {"explained_variance", "current_logprobs"}
    stats = {"rewards", "values", "logprobs", "dones", "truncateds", "ratio", "ep_lengths"}
    stats |= {"actions_mean", "actions_std"}
    expected = {f"losses/{name}" for name in losses} | {f"experience/{name}" for name in stats}
    expected |= {f"parameters/{name}" for name in ("learning_rate", "epoch_steps", "num_minibatches")}
    expected |= {f"episode/{name}" for name in ("count", "return_sum", "length_sum", "share_sum")} | {"grad/skipped"}
    assert set(metrics) == expected
    assert all(value.shape == () for value in metrics.values())
    assert metrics["episode/count"] == 16
    assert 0.0 < metrics["episode/return_sum"] / metrics["episode/count"] < 1.0
    assert metrics["parameters/epoch_steps"] == 128
    # The regularizers of the other bundle are in use, and its gradient statistics are due in every second epoch.
    training = variant("accumulated")
    state, metrics = training.train_step(training.init(jax.random.key(0)))
    assert {"losses/l2_reg_loss", "losses/l2_init_loss"} <= set(metrics)
    due = int(state.epoch) >= 2
    assert np.isfinite(float(metrics["grad/norm"])) == due
    assert {"grad/mean", "grad/variance", "grad/norm", "grad/clipped_norm"} <= set(metrics)


def _after_backward(state: TrainState | None = None) -> TrainState:
    training = variant("default")
    state, batch = training.rollout(state or training.init(jax.random.key(0)))
    minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
    return training.train_minibatch(state, minibatch)[0]


def test_accumulation_is_the_mean_gradient() -> None:
    training = variant("default")
    state = _after_backward()
    one = state.grads.total
    twice = state.replace(grads=state.grads.add(jax.tree.map(lambda g: 3 * g, one)))
    waiting = training.optimize_step(twice, 3)
    assert_same(waiting.params, state.params)
    assert int(waiting.grads.count) == 2
    stepped = training.optimize_step(twice, 2)
    assert int(stepped.grads.count) == 0
    # Adam's second moment after the first step is (1 - beta2) times the square of the clipped mean gradient 2 g.
    norm = 2 * compute_gradient_stats(one)["grad/norm"]
    assert norm > training.config.ppo.max_grad_norm, "it is clipped"
    scale = 2 * min(1.0, training.config.ppo.max_grad_norm / (norm + 1e-6))
    nu = stepped.opt_state[1].nu
    for actual, gradient in zip(jax.tree.leaves(nu), jax.tree.leaves(one), strict=True):
        expected = 0.001 * (scale * np.asarray(gradient)) ** 2
        np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-4, atol=1e-12)


def test_gradient_that_is_not_finite_is_skipped_and_counted() -> None:
    training = variant("default")
    state = _after_backward()
    for bad in (jnp.nan, jnp.inf):
        total = jax.tree.map(lambda g: g.at[0].set(bad), state.grads.total)  # noqa: B023
        skipped = training.optimize_step(state.replace(grads=state.grads.replace(total=total)))
        assert_same((skipped.params, skipped.opt_state), (state.params, state.opt_state))
        assert int(skipped.num_skipped_steps) == 1
        assert int(skipped.grads.count) == 0
        assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(skipped.grads.total))


@pytest.mark.parametrize("where", ["params", "updates", "state"])
def test_a_step_that_is_not_finite_is_never_made(where: str) -> None:
    """The gradient is finite; what the optimizer makes of it, or the sum with the parameters, is not."""
    training = variant("default")
    inner = training.plan.optimizer

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        updates, state = inner.update(updates, state, params, **extra)
        bad = {"params": 3e38, "updates": jnp.nan, "state": jnp.inf}[where]
        if where == "state":
            return updates, jax.tree.map(lambda x: x + bad if x.dtype == jnp.float32 else x, state)
        return jax.tree.map(lambda x: jnp.full_like(x, bad), updates), state

    broken = training.with_plan(own_optimizer=optax.GradientTransformationExtraArgs(inner.init, update))
    state, _ = broken.rollout(broken.init(jax.random.key(0)))
    state = state.replace(params=jax.tree.map(lambda x: x + 3e38, state.params)) if where == "params" else state
    ones = jax.tree.map(jnp.ones_like, state.params)
    state = state.replace(grads=state.grads.replace(total=ones, count=jnp.int32(1)))
    after = broken.optimize_step(state)
    assert int(after.num_skipped_steps) == 1
    assert_same((after.params, after.opt_state), (state.params, state.opt_state))
    assert int(after.grads.count) == 0


def test_step_without_a_gradient_changes_nothing() -> None:
    training = variant("default")
    state = training.init(jax.random.key(0))
    assert_same(training.optimize_step(state), state)


def test_accumulate_steps_must_be_positive() -> None:
    training = variant("default")
    with pytest.raises(ValueError, match="accumulate_steps: 0 is not at least 1"):
        training.optimize_step(training.init(jax.random.key(0)), 0)


def test_weights_are_clipped_to_limits_of_the_first_parameters() -> None:
    training = variant("accumulated")
    state = training.init(jax.random.key(0))
    limit = 0.5 * float(jnp.abs(state.params["actor"]["kernel"]).max())
    for _ in range(2):
        state, _ = training.train_step(state)
        assert float(jnp.abs(state.params["actor"]["kernel"]).max()) == pytest.approx(limit, rel=1e-6)


def test_training_starts_from_given_parameters() -> None:
    training = variant("default")
    params = training.plan.agent.init(jax.random.key(9))
    state = training.init(jax.random.key(0), params)
    assert_same(state.params, params)
    training.train_step(state)  # donates its state, not what was given
    assert np.isfinite(np.asarray(params["actor"]["kernel"])).all()


def test_reference_weights_follow_every_interval() -> None:
    training = variant("accumulated")
    state = training.init(jax.random.key(0))
    initial = state.l2_init["actor/kernel"]
    moved = jax.tree.map(lambda x: x + 1.0, state.params)
    state = training.finish_epoch(state.replace(params=moved))
    assert_same(state.l2_init["actor/kernel"], initial)  # epoch 1: not due
    state = training.finish_epoch(state)
    assert int(state.epoch) == 2
    np.testing.assert_allclose(np.asarray(state.l2_init["actor/kernel"]), np.asarray(initial) + 0.1, rtol=1e-5)


def test_target_kl_stops_the_epochs() -> None:
    training = variant("accumulated")
    state = training.init(jax.random.key(0))
    epochs = []
    for _ in range(4):
        before = int(state.epoch)
        state, metrics = training.train_step(state)
        epochs.append(int(state.epoch) - before)
        if epochs[-1] < training.config.update_epochs:
            assert float(metrics["losses/approx_kl"]) > training.config.ppo.target_kl
    assert min(epochs) < training.config.update_epochs


def test_write_back_replaces_the_sampled_rows_only() -> None:
    training = variant("default")
    state, batch = training.rollout(training.init(jax.random.key(0)))
    advantages = training.compute_advantages(batch)
    minibatch = training.sample_minibatch(jax.random.key(1), batch, advantages, 0.6)
    _, loss = training.train_minibatch(state, minibatch)
    loss = loss.replace(values=loss.values + 1.0)
    written = training.write_back(batch, minibatch, loss)
    rows = np.asarray(minibatch.indices)
    others = np.setdiff1d(np.arange(training.segments), rows)
    np.testing.assert_array_equal(np.asarray(written.value)[rows], np.asarray(loss.values))
    np.testing.assert_array_equal(np.asarray(written.ratio)[rows], np.asarray(loss.ratio))
    np.testing.assert_array_equal(np.asarray(written.value)[others], np.asarray(batch.value)[others])
    # Drawn again, the rows have another old value and another return.
    again = training.sample_minibatch(jax.random.key(1), written, advantages, 0.6)
    expected = np.asarray(loss.values) + np.asarray(minibatch.advantages)
    np.testing.assert_allclose(np.asarray(again.returns), expected, rtol=1e-6)


def test_stored_states_make_the_first_ratio_one() -> None:
    for name, exact in (("default", True), ("original", False)):
        training = variant(name)
        state, _ = training.rollout(training.init(jax.random.key(5)))
        state, batch = training.rollout(state)
        minibatch = training.sample_minibatch(jax.random.key(1), batch, training.compute_advantages(batch), 0.6)
        _, loss = training.train_minibatch(state, minibatch)
        error = float(jnp.abs(loss.ratio - 1.0).max())
        assert (error < 1e-5) == exact, (name, error)


@pytest.mark.slow
def test_vmapped_runs_are_independent() -> None:
    training = variant("default")
    keys = jax.random.split(jax.random.key(0), 2)
    states, metrics = jax.vmap(training.train_step)(jax.vmap(training.init)(keys))
    for i in range(2):
        alone, alone_metrics = training.train_step(training.init(keys[i]))
        np.testing.assert_array_equal(np.asarray(states.experience.action[i]), np.asarray(alone.experience.action))
        for actual, expected in zip(jax.tree.leaves(states.params), jax.tree.leaves(alone.params), strict=True):
            np.testing.assert_allclose(np.asarray(actual[i]), np.asarray(expected), rtol=1e-3, atol=1e-5)
        assert float(metrics["losses/value_loss"][i]) == pytest.approx(
            float(alone_metrics["losses/value_loss"]), rel=1e-3
        )
