"""The training phase: what turns one rollout into new parameters, in the steps of the hand-written loop."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from metta_jax.core.pytree import PyTree
from metta_jax.rl.advantage import calculate_explained_variance
from metta_jax.rl.apart import run_apart, tied_to_turn
from metta_jax.rl.experience import experience_stats, write_back
from metta_jax.rl.gradient_stats import global_norm, gradient_moments
from metta_jax.rl.losses import add_losses, check_parts, is_reported, loss_stats
from metta_jax.rl.optimizer import clip_factor
from metta_jax.rl.parameter_layers import clip_weights, layer_weights, reference_interval
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.sampling import anneal_beta_at
from metta_jax.rl.schedules import learning_rate
from metta_jax.rl.train_state import (
    Experience,
    GradientStats,
    GradientSum,
    Minibatch,
    MinibatchLoss,
    TrainState,
    no_gradient_stats,
    no_loss,
    zero_gradients,
    zero_losses,
)

# Weight of the old reference when the reference of l2_init_loss follows the parameters.
_REFERENCE_DECAY = 0.9


def update(plan: TrainingPlan, state: TrainState, batch: Experience) -> tuple[TrainState, Experience, dict[str, Any]]:
    """The whole training phase: state, the batch (changed only by write-back), metrics."""
    options = plan.options
    state = reset_training_state(state)
    mine, episodes = batch, state.episodes
    # Once, not for every minibatch: where a minibatch is drawn from all rows, every device needs all of them.
    batch, all_episodes = plan.rows.bring((batch, episodes.replace(stat_sum=None)))
    state = state.replace(episodes=all_episodes)
    beta = anneal_beta(plan, state.epoch)
    advantages = plan.rows.compute_advantages(plan, batch)

    def one_minibatch(carry: tuple[TrainState, Any], rows: Any) -> tuple[tuple[TrainState, Any], None]:
        state, written = carry
        state, key = split_key(state)
        current = batch if written is None else batch.replace(value=written[0], ratio=written[1])
        if rows is None:
            minibatch = plan.rows.sample(plan, key, current, advantages, beta)
        else:
            minibatch = plan.rows.deal(plan, key, current, advantages, rows)
        state, loss = train_minibatch(plan, state, minibatch)
        if written is not None:
            current = write_back(current, minibatch, loss)
            written = (current.value, current.ratio)
        return (optimize_step(plan, state, plan.layout.accumulate_minibatches), written), None

    def one_epoch(carry: tuple[TrainState, Any]) -> tuple[TrainState, Any]:
        rows = None
        if options.minibatch_rows == "shuffled":
            state, key = split_key(carry[0])
            carry, rows = (state, carry[1]), plan.rows.shuffle(plan, key)
        (state, written), _ = jax.lax.scan(one_minibatch, carry, rows, length=plan.layout.num_minibatches)
        return finish_epoch(plan, state), written

    first_epoch = state.epoch
    carry = (state, (batch.value, batch.ratio) if options.value_write_back else None)
    if plan.hyperparameters.target_kl is None:
        carry, _ = jax.lax.scan(lambda c, _: (one_epoch(c), None), carry, None, length=options.update_epochs)
    else:

        def goes_on(carry: tuple[TrainState, Any]) -> jax.Array:
            state = carry[0]
            num_epochs = state.epoch - first_epoch
            return (num_epochs < options.update_epochs) & ((num_epochs == 0) | ~exceeds_target_kl(plan, state))

        carry = jax.lax.while_loop(goes_on, one_epoch, carry)
    state, written = carry
    state = finish_update(plan, state, batch, advantages)
    if written is not None:
        batch = batch.replace(value=written[0], ratio=written[1])
        mine = mine.replace(value=written[0], ratio=written[1])
    return state.replace(episodes=episodes), mine, update_metrics(plan, state, batch)


def reset_training_state(state: TrainState) -> TrainState:
    """Reset loss sums and gradient statistics."""
    return state.replace(losses=zero_losses(state.losses.sums), gradient_stats=no_gradient_stats())


def anneal_beta(plan: TrainingPlan, epoch: jax.Array) -> jax.Array:
    """`calculate_anneal_beta` under the plan's numbers, float32 []."""
    numbers = plan.hyperparameters
    return anneal_beta_at(
        epoch, num_rollouts=numbers.num_rollouts, prio_alpha=numbers.prio_alpha, prio_beta0=numbers.prio_beta0
    )


def split_key(state: TrainState) -> tuple[TrainState, jax.Array]:
    """A key for one use, and the state that will never give it again."""
    key, used = split(state.key)
    return state.replace(key=key), used


def split(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The key of the next state, and a key for one use."""
    key, used = jax.random.split(key)
    return key, used


def train_minibatch(plan: TrainingPlan, state: TrainState, minibatch: Minibatch) -> tuple[TrainState, MinibatchLoss]:
    """Forward and backward pass; adds the gradient to `state.grads` and the loss parts to `state.losses`."""

    def turn(index: jax.Array, carry: tuple[GradientSum, MinibatchLoss]) -> tuple[GradientSum, MinibatchLoss]:
        # The network's first operations follow from `obs` alone, the teachers' terms from their outputs alone.
        rows = minibatch.replace(
            obs=tied_to_turn(minibatch.obs, index),
            teacher_log_probs=tuple(tied_to_turn(outputs, index) for outputs in minibatch.teacher_log_probs),
            teacher_values=tuple(tied_to_turn(outputs, index) for outputs in minibatch.teacher_values),
            dropout_key=_tied_key(minibatch.dropout_key, index),
        )
        grads, loss = plan.gradient_fn(plan, state.params, rows, reference=state.l2_init, agent_step=state.agent_step)
        check_parts(loss.parts, state.losses)
        return carry[0].add(grads), loss

    nothing = (state.grads, no_loss(minibatch, state.losses.sums))
    grads, loss = run_apart(plan.keeps_bits, state.epoch, turn, nothing)
    return state.replace(grads=grads, losses=add_losses(state.losses, loss.parts)), loss


def optimize_step(plan: TrainingPlan, state: TrainState, accumulate_steps: int | jax.Array = 1) -> TrainState:
    """When `accumulate_steps` gradients are in: mean, clip, optimizer, weight clipping. Before that, unchanged.

    A mean gradient that is not finite is dropped and counted; parameters and optimizer stay unchanged. So is a step
    of the optimizer that is not finite itself, or would leave it in such a state.
    """
    count = jnp.maximum(state.grads.count, 1).astype(jnp.float32)
    norm = global_norm(state.grads.total) / count
    due = state.grads.count >= accumulate_steps
    finite = jnp.isfinite(norm)
    scale = clip_factor(norm, plan.hyperparameters.max_grad_norm) / count

    def step(same: tuple[Any, Any, jax.Array]) -> tuple[Any, Any, jax.Array]:
        grads = jax.tree.map(lambda total: total * scale.astype(total.dtype), state.grads.total)
        updates, opt_state = plan.optimizer.update(
            grads,
            state.opt_state,
            state.params,
            learning_rate=current_learning_rate(plan, state.rollout_count),
        )
        params = clip_weights(plan.agent, optax.apply_updates(state.params, updates), state.weight_limits)
        stepped = (params, opt_state, jnp.ones((), bool))
        return jax.lax.cond(_all_finite((params, updates, opt_state)), lambda: stepped, lambda: same)

    # A branch and not a select over all leaves: the select took a quarter of the step's time on a CPU.
    unchanged = (state.params, state.opt_state, jnp.zeros((), bool))
    params, opt_state, stepped = jax.lax.cond(due & finite, step, lambda same: same, unchanged)
    return state.replace(
        params=params,
        opt_state=opt_state,
        grads=jax.lax.cond(due, lambda _: zero_gradients(state.params), lambda same: same, state.grads),
        gradient_stats=_measure_gradient(plan, state, due, norm, count),
        num_skipped_steps=state.num_skipped_steps + (due & ~stepped).astype(jnp.int32),
    )


def finish_epoch(plan: TrainingPlan, state: TrainState) -> TrainState:
    """`epoch` + 1; every l2_init_weight_update_interval epochs W_ref <- 0.9 W_ref + 0.1 W."""
    epoch = state.epoch + 1
    interval = reference_interval(plan.agent)
    reference = state.l2_init
    if plan.uses_reference_weights and interval > 0:
        weights = layer_weights(plan.agent, state.params)
        moved = {
            name: _REFERENCE_DECAY * old + (1.0 - _REFERENCE_DECAY) * weights[name] for name, old in reference.items()
        }
        due = epoch % interval == 0
        reference = {name: jnp.where(due, moved[name], old) for name, old in reference.items()}
    return state.replace(epoch=epoch, l2_init=reference)


def exceeds_target_kl(plan: TrainingPlan, state: TrainState) -> jax.Array:
    """Whether the mean approx_kl of the update so far is above `ppo.target_kl`, bool []; False without a target."""
    target_kl = plan.hyperparameters.target_kl
    if target_kl is None:
        return jnp.zeros((), bool)
    return loss_stats(state.losses)["approx_kl"] > target_kl


def finish_update(plan: TrainingPlan, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
    """Explained variance of the rollout; the learning-rate schedule advances by one rollout."""

    def turn(index: jax.Array, _: jax.Array) -> jax.Array:
        return calculate_explained_variance(*(tied_to_turn(x, index) for x in flat))

    # Flat and in an iteration of its own: a sum over rows and columns would add in the order in which they lie in
    # memory.
    flat = (batch.value.reshape(-1), advantages.reshape(-1))
    variance = run_apart(plan.keeps_bits, state.epoch, turn, jnp.zeros((), jnp.float32))
    return state.replace(
        losses=state.losses.replace(explained_variance=variance), rollout_count=state.rollout_count + 1
    )


def update_metrics(plan: TrainingPlan, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
    """What is known on the device after an update, by metric name, all [] arrays.

    losses/* and experience/*; parameters/learning_rate (of this update, unless the optimizer is your own), epoch_steps,
    num_minibatches; episode/count, episode/return_sum (mean over agents, summed over episodes), episode/length_sum and
    episode/share_sum (lengths as shares of the step limits) of the episodes that ended in this rollout; grad/skipped,
    the optimizer steps left out so far. With a curriculum, its `stats`. If `grad_mean_variance_interval` is on, also
    grad/mean, grad/variance, grad/norm, grad/clipped_norm, NaN when no epoch of this update was due.
    """
    numbers = plan.hyperparameters
    losses = loss_stats(state.losses)
    metrics = {f"losses/{name}": value for name, value in losses.items() if is_reported(name, numbers)}
    stats = experience_stats(batch, plan.layout, state.position)
    metrics |= {f"experience/{name}": value for name, value in stats.items()}
    if plan.own_optimizer is None:
        metrics["parameters/learning_rate"] = current_learning_rate(plan, state.rollout_count - 1)
    metrics["parameters/epoch_steps"] = jnp.int32(plan.layout.steps_per_rollout)
    metrics["parameters/num_minibatches"] = jnp.int32(plan.layout.num_minibatches)
    metrics["episode/count"] = jnp.sum(state.episodes.count)
    metrics["episode/return_sum"] = jnp.sum(jnp.mean(state.episodes.return_sum, axis=1))
    metrics["episode/length_sum"] = jnp.sum(state.episodes.length_sum)
    metrics["episode/share_sum"] = jnp.sum(state.episodes.share_sum)
    metrics["grad/skipped"] = state.num_skipped_steps
    if plan.curriculum is not None:
        metrics |= plan.curriculum.stats(state.curriculum)
    if numbers.grad_stats_interval is not None:
        for name in ("mean", "variance", "norm", "clipped_norm"):
            metrics[f"grad/{name}"] = getattr(state.gradient_stats, name)
    return metrics


def current_learning_rate(plan: TrainingPlan, rollout_count: jax.Array) -> jax.Array:
    """The learning rate of the update after `rollout_count` finished ones, float32 []."""
    numbers = plan.hyperparameters
    return learning_rate(
        rollout_count,
        base=numbers.learning_rate,
        schedule=plan.options.schedule,
        num_rollouts=numbers.num_rollouts,
        warmup=numbers.warmup_rollouts,
    )


def _all_finite(tree: PyTree) -> jax.Array:
    """Whether no number of a pytree is NaN or infinite, bool []."""
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return functools.reduce(jnp.logical_and, [jnp.all(jnp.isfinite(leaf)) for leaf in floats], jnp.ones((), bool))


def _tied_key(key: jax.Array | None, index: jax.Array) -> jax.Array | None:
    """`tied_to_turn` of a typed key."""
    if key is None:
        return None
    return jax.random.wrap_key_data(tied_to_turn(jax.random.key_data(key), index), impl=jax.random.key_impl(key))


def _measure_gradient(
    plan: TrainingPlan, state: TrainState, due: jax.Array, norm: jax.Array, count: jax.Array
) -> GradientStats:
    """Statistics of the mean gradient if this is a step of an epoch for which they are due."""
    interval = plan.hyperparameters.grad_stats_interval
    if interval is None:
        return state.gradient_stats

    def measure() -> GradientStats:
        mean, variance, _ = gradient_moments(jax.tree.map(lambda total: total / count, state.grads.total))
        clipped_norm = norm * clip_factor(norm, plan.hyperparameters.max_grad_norm)
        return GradientStats(mean=mean, variance=variance, norm=norm, clipped_norm=clipped_norm)

    return jax.lax.cond(due & ((state.epoch + 1) % interval == 0), measure, lambda: state.gradient_stats)
