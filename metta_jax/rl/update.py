"""The training phase: what turns one rollout into new parameters, in the steps of the hand-written loop."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.experimental.layout import Layout, with_layout_constraint

from metta_jax.rl.advantage import calculate_explained_variance
from metta_jax.rl.experience import experience_stats, take_minibatch, write_back
from metta_jax.rl.gradient_stats import global_norm, gradient_moments
from metta_jax.rl.losses import add_losses, loss_stats
from metta_jax.rl.minibatch import batch_advantages
from metta_jax.rl.one_turn import one_turn, tied_to_turn
from metta_jax.rl.optimizer import clip_factor
from metta_jax.rl.parameter_layers import clip_weights, layer_weights, reference_interval
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.replay.sampling import calculate_anneal_beta
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
    config = plan.config
    state = reset_training_state(state)
    beta = anneal_beta(plan, state.epoch)
    advantages = compute_advantages(plan, batch)

    def one_minibatch(carry: tuple[TrainState, Any], _: None) -> tuple[tuple[TrainState, Any], None]:
        state, written = carry
        state, key = split_key(state)
        current = batch if written is None else batch.replace(value=written[0], ratio=written[1])
        minibatch = sample_minibatch(plan, key, current, advantages, beta)
        state, loss = train_minibatch(plan, state, minibatch)
        if written is not None:
            current = write_back(current, minibatch, loss)
            written = (current.value, current.ratio)
        return (optimize_step(plan, state, plan.layout.accumulate_minibatches), written), None

    def one_epoch(carry: tuple[TrainState, Any]) -> tuple[TrainState, Any]:
        (state, written), _ = jax.lax.scan(one_minibatch, carry, None, length=plan.layout.num_minibatches)
        return finish_epoch(plan, state), written

    first_epoch = state.epoch
    carry = (state, (batch.value, batch.ratio) if config.value_write_back else None)
    if config.ppo.target_kl is None:
        carry, _ = jax.lax.scan(lambda c, _: (one_epoch(c), None), carry, None, length=config.update_epochs)
    else:

        def goes_on(carry: tuple[TrainState, Any]) -> jax.Array:
            state = carry[0]
            num_epochs = state.epoch - first_epoch
            return (num_epochs < config.update_epochs) & ((num_epochs == 0) | ~exceeds_target_kl(plan, state))

        carry = jax.lax.while_loop(goes_on, one_epoch, carry)
    state, written = carry
    state = finish_update(plan, state, batch, advantages)
    if written is not None:
        batch = batch.replace(value=written[0], ratio=written[1])
    return state, batch, update_metrics(plan, state, batch)


def reset_training_state(state: TrainState) -> TrainState:
    """Loss sums and gradient statistics start anew."""
    return state.replace(losses=zero_losses(), gradient_stats=no_gradient_stats())


def compute_advantages(plan: TrainingPlan, batch: Experience) -> jax.Array:
    """Advantages of the whole rollout with importance 1, float32 [S, T]."""
    advantages = batch_advantages(plan, batch)
    # The recursion leaves columns behind one another in memory, or not, as the program around it likes. Sums over the
    # array add in the order of memory, so a fixed order gives the same bits in every program.
    return with_layout_constraint(advantages, Layout(major_to_minor=(0, 1)))


def anneal_beta(plan: TrainingPlan, epoch: jax.Array) -> jax.Array:
    """`calculate_anneal_beta` under the plan's configuration, float32 []."""
    config = plan.config
    beta = calculate_anneal_beta(
        epoch=epoch,
        total_timesteps=config.total_timesteps,
        batch_size=plan.layout.batch_size,
        prio_alpha=config.prioritized_experience_replay.prio_alpha,
        prio_beta0=config.prioritized_experience_replay.prio_beta0,
    )
    return jnp.asarray(beta, jnp.float32)


def split_key(state: TrainState) -> tuple[TrainState, jax.Array]:
    """A key for one use, and the state that will never give it again."""
    key, used = split(state.key)
    return state.replace(key=key), used


def split(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The key of the next state, and a key for one use."""
    key, used = jax.random.split(key)
    return key, used


def sample_minibatch(
    plan: TrainingPlan, key: jax.Array, batch: Experience, advantages: jax.Array, beta: jax.Array
) -> Minibatch:
    """Draw `minibatch_segments` different rows by the size of their advantages; consumes `key`."""
    num_rows = plan.layout.minibatch_segments
    prio_alpha = plan.config.prioritized_experience_replay.prio_alpha

    def turn(index: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        return plan.draw_fn(key, tied_to_turn(advantages, index), num_rows, prio_alpha=prio_alpha, beta=beta)

    nothing = (jnp.zeros((num_rows,), jnp.int32), jnp.zeros((num_rows, 1), jnp.float32))
    indices, weights = jax.lax.fori_loop(0, one_turn(batch.action[0, 0, 0]), turn, nothing)
    return take_minibatch(batch, advantages, indices, weights)


def train_minibatch(plan: TrainingPlan, state: TrainState, minibatch: Minibatch) -> tuple[TrainState, MinibatchLoss]:
    """Forward and backward pass; adds the gradient to `state.grads` and the loss parts to `state.losses`."""

    def turn(index: jax.Array, carry: tuple[GradientSum, MinibatchLoss]) -> tuple[GradientSum, MinibatchLoss]:
        # The network's first operations follow from `obs` alone, the teachers' terms from their outputs alone.
        rows = minibatch.replace(
            obs=tied_to_turn(minibatch.obs, index),
            teacher_log_probs=tuple(tied_to_turn(outputs, index) for outputs in minibatch.teacher_log_probs),
            teacher_values=tuple(tied_to_turn(outputs, index) for outputs in minibatch.teacher_values),
        )
        grads, loss = plan.gradient_fn(plan, state.params, rows, reference=state.l2_init, agent_step=state.agent_step)
        return carry[0].add(grads), loss

    grads, loss = jax.lax.fori_loop(0, one_turn(state.epoch), turn, (state.grads, no_loss(minibatch)))
    return state.replace(grads=grads, losses=add_losses(state.losses, loss.parts)), loss


def optimize_step(plan: TrainingPlan, state: TrainState, accumulate_steps: int | jax.Array = 1) -> TrainState:
    """When `accumulate_steps` gradients are in: mean, clip, optimizer, weight clipping. Before that, unchanged.

    A mean gradient that is not finite is dropped and counted; parameters and optimizer stay as they are.
    """
    count = jnp.maximum(state.grads.count, 1).astype(jnp.float32)
    norm = global_norm(state.grads.total) / count
    due = state.grads.count >= accumulate_steps
    finite = jnp.isfinite(norm)
    scale = clip_factor(norm, plan.config.ppo.max_grad_norm) / count

    def step(_: Any) -> tuple[Any, Any]:
        grads = jax.tree.map(lambda total: total * scale.astype(total.dtype), state.grads.total)
        updates, opt_state = plan.optimizer.update(
            grads,
            state.opt_state,
            state.params,
            learning_rate=current_learning_rate(plan, state.rollout_count),
        )
        return clip_weights(plan.agent, optax.apply_updates(state.params, updates), state.weight_limits), opt_state

    # A branch and not a select over all leaves: the select took a quarter of the step's time on a CPU.
    unchanged = (state.params, state.opt_state)
    params, opt_state = jax.lax.cond(due & finite, step, lambda same: same, unchanged)
    return state.replace(
        params=params,
        opt_state=opt_state,
        grads=jax.lax.cond(due, lambda _: zero_gradients(state.params), lambda same: same, state.grads),
        gradient_stats=_measure_gradient(plan, state, due, norm, count),
        num_skipped_steps=state.num_skipped_steps + (due & ~finite).astype(jnp.int32),
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
    if plan.config.ppo.target_kl is None:
        return jnp.zeros((), bool)
    return loss_stats(state.losses)["approx_kl"] > plan.config.ppo.target_kl


def finish_update(plan: TrainingPlan, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
    """Explained variance of the rollout; the learning-rate schedule advances by one rollout."""
    variance = calculate_explained_variance(batch.value, advantages)
    return state.replace(
        losses=state.losses.replace(explained_variance=variance), rollout_count=state.rollout_count + 1
    )


def update_metrics(plan: TrainingPlan, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
    """What is known on the device after an update, by metric name, all [] arrays.

    losses/* and experience/*; parameters/learning_rate (of this update), epoch_steps, num_minibatches; episode/count,
    episode/return_sum (mean over agents, summed over episodes) and episode/length_sum of the episodes that ended in
    this rollout; grad/skipped, the optimizer steps left out so far. With a curriculum, its `stats`. If
    `grad_mean_variance_interval` is on also
    grad/mean, grad/variance, grad/norm, grad/clipped_norm, NaN when no epoch of this update was due.
    """
    metrics = {f"losses/{name}": value for name, value in loss_stats(state.losses, unused=plan.unused_losses).items()}
    stats = experience_stats(batch, plan.layout, state.position)
    metrics |= {f"experience/{name}": value for name, value in stats.items()}
    metrics["parameters/learning_rate"] = current_learning_rate(plan, state.rollout_count - 1)
    metrics["parameters/epoch_steps"] = jnp.int32(plan.layout.steps_per_rollout)
    metrics["parameters/num_minibatches"] = jnp.int32(plan.layout.num_minibatches)
    metrics["episode/count"] = jnp.sum(state.episodes.count)
    metrics["episode/return_sum"] = jnp.sum(jnp.mean(state.episodes.return_sum, axis=1))
    metrics["episode/length_sum"] = jnp.sum(state.episodes.length_sum)
    metrics["grad/skipped"] = state.num_skipped_steps
    if plan.curriculum is not None:
        metrics |= plan.curriculum.stats(state.curriculum)
    if plan.config.grad_mean_variance_interval > 0:
        for name in ("mean", "variance", "norm", "clipped_norm"):
            metrics[f"grad/{name}"] = getattr(state.gradient_stats, name)
    return metrics


def current_learning_rate(plan: TrainingPlan, rollout_count: jax.Array) -> jax.Array:
    """The learning rate of the update after `rollout_count` finished ones, float32 []."""
    return learning_rate(
        rollout_count,
        base=plan.config.optimizer.learning_rate,
        schedule=plan.schedule,
        num_rollouts=plan.num_rollouts,
        warmup=plan.config.lr_scheduler.warmup_steps,
    )


def _measure_gradient(
    plan: TrainingPlan, state: TrainState, due: jax.Array, norm: jax.Array, count: jax.Array
) -> GradientStats:
    """Statistics of the mean gradient if this is a step of an epoch for which they are due."""
    interval = plan.config.grad_mean_variance_interval
    if interval == 0:
        return state.gradient_stats

    def measure() -> GradientStats:
        mean, variance, _ = gradient_moments(jax.tree.map(lambda total: total / count, state.grads.total))
        clipped_norm = norm * clip_factor(norm, plan.config.ppo.max_grad_norm)
        return GradientStats(mean=mean, variance=variance, norm=norm, clipped_norm=clipped_norm)

    return jax.lax.cond(due & ((state.epoch + 1) % interval == 0), measure, lambda: state.gradient_stats)
