"""One minibatch: forward pass, losses, gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.agent import PolicyOutput
from metta_jax.rl.advantage import normalize_advantage_distributed
from metta_jax.rl.batch_layout import num_equal_chunks
from metta_jax.rl.losses import compute_ppo_losses, total_loss, weight_losses
from metta_jax.rl.parameter_layers import init_scales, layer_weights
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Experience, Minibatch, MinibatchLoss, Params, StepCounter


def process_minibatch_update(
    plan: TrainingPlan,
    params: Params,
    minibatch: Minibatch,
    *,
    reference: dict[str, jax.Array],
    agent_step: StepCounter,
) -> tuple[Params, MinibatchLoss]:
    """Gradient of the total loss with respect to `params`, and the losses.

    In chunks of rows if the layout says so, see `chunked_gradient`.

    Args:
      reference: reference weights of `l2_init_loss` by layer name, {} if that loss is off.
      agent_step: decides the weight of the teachers.
    """

    num_chunks = num_equal_chunks(minibatch.logprobs.shape[0], plan.layout.rows_per_chunk)
    if num_chunks > 1:
        return chunked_gradient(plan, params, minibatch, num_chunks, reference=reference, agent_step=agent_step)

    def loss_fn(params: Params) -> tuple[jax.Array, MinibatchLoss]:
        loss = plan.loss_fn(plan, params, minibatch, reference=reference, agent_step=agent_step)
        return loss.total, loss

    grads, loss = jax.grad(loss_fn, has_aux=True)(params)
    return grads, jax.lax.stop_gradient(loss)


def chunked_gradient(
    plan: TrainingPlan,
    params: Params,
    minibatch: Minibatch,
    num_chunks: int,
    *,
    reference: dict[str, jax.Array],
    agent_step: StepCounter,
) -> tuple[Params, MinibatchLoss]:
    """`process_minibatch_update` in chunks of rows, with the memory of one chunk; sums round differently.

    Advantages are normalized over all rows, and need the ratios of all of them. So there are two passes: one forward,
    for the ratios, and one for gradients, whose mean over chunks is that of the minibatch, as every term of our loss is
    a mean over rows, or does not depend on them.
    """
    chunks = _split_rows(minibatch, num_chunks)

    def ratio_of(chunk: Minibatch) -> jax.Array:
        return jnp.exp(unroll_policy(plan, params, chunk).logprob - chunk.logprobs)

    ratio = jax.lax.map(ratio_of, chunks).reshape(minibatch.logprobs.shape)
    advantages = minibatch_advantages(plan, minibatch, jax.lax.stop_gradient(ratio))

    def gradient(one: tuple[Minibatch, jax.Array]) -> tuple[Params, MinibatchLoss]:
        chunk, advantages = one

        def loss_fn(params: Params) -> tuple[jax.Array, MinibatchLoss]:
            loss = minibatch_loss(
                plan, params, chunk, reference=reference, agent_step=agent_step, advantages=advantages
            )
            return loss.total, loss

        return jax.grad(loss_fn, has_aux=True)(params)

    def add(total: Any, one: Any) -> tuple[Any, Any]:
        grads, loss = gradient(one)
        summed = jax.tree.map(jnp.add, total, (grads, loss.total, loss.parts))
        return summed, (loss.values, loss.ratio)

    rest = (chunks, advantages.reshape(num_chunks, -1, advantages.shape[1]))
    shapes = jax.eval_shape(gradient, jax.tree.map(lambda x: x[0], rest))
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (shapes[0], shapes[1].total, shapes[1].parts))
    totals, rows = jax.lax.scan(add, nothing, rest)
    grads, total, parts = jax.tree.map(lambda x: x / num_chunks, totals)
    values, ratio = (x.reshape(minibatch.logprobs.shape) for x in rows)
    return grads, jax.lax.stop_gradient(MinibatchLoss(total=total, parts=parts, values=values, ratio=ratio))


def minibatch_loss(
    plan: TrainingPlan,
    params: Params,
    minibatch: Minibatch,
    *,
    reference: dict[str, jax.Array],
    agent_step: StepCounter,
    advantages: jax.Array | None = None,
) -> MinibatchLoss:
    """The total loss of a minibatch and its parts: the function that is differentiated.

    Args:
      advantages: from `minibatch_advantages`; None: computed here from these rows.
    """
    numbers = plan.hyperparameters
    output = unroll_policy(plan, params, minibatch)
    ratio = jnp.exp(output.logprob - minibatch.logprobs)
    if advantages is None:
        advantages = minibatch_advantages(plan, minibatch, jax.lax.stop_gradient(ratio))
    parts = compute_ppo_losses(
        logprobs=output.logprob,
        entropies=output.entropy,
        values=output.value,
        old_logprobs=minibatch.logprobs,
        old_values=minibatch.values,
        returns=minibatch.returns,
        advantages=advantages,
        clip_coef=numbers.clip_coef,
        vf_clip_coef=numbers.vf_clip_coef,
        clip_vloss=plan.options.clip_vloss,
    )
    parts |= weight_losses(
        layer_weights(plan.agent, params),
        reference,
        init_scales(plan.agent),
        l2_reg_loss_coef=numbers.l2_reg_loss_coef,
        l2_init_loss_coef=numbers.l2_init_loss_coef,
    )
    parts["ks_action_loss"], parts["ks_value_loss"] = numbers.kickstarter(
        output.log_probs, output.value, minibatch.teacher_log_probs, minibatch.teacher_values, agent_step
    )
    return MinibatchLoss(total=total_loss(parts, numbers), parts=parts, values=output.value, ratio=ratio)


def unroll_policy(plan: TrainingPlan, params: Params, minibatch: Minibatch) -> PolicyOutput:
    """What the policy says of every slot: logprob of its action, entropy and value [B, T], log_probs [B, T, F].

    Rows start from their stored recurrent state, or from zeros if `recurrence.initial_state` says so. Dropout is on if
    the minibatch has a key for it.
    """
    recurrence = plan.options.recurrence
    shape = minibatch.logprobs.shape
    start = minibatch.initial_state
    if recurrence.initial_state == "zero":
        start = (jnp.zeros_like(start[0]), jnp.zeros_like(start[1]))
    reset = None
    if recurrence.reset_at_episode_end:
        reset = jnp.maximum(minibatch.dones, minibatch.truncateds) > 0.0
    output, _ = plan.agent.apply(
        params, minibatch.obs, start, key=minibatch.dropout_key, action=minibatch.actions, reset=reset
    )
    return PolicyOutput(
        action=minibatch.actions,
        logprob=output.logprob.reshape(shape),
        entropy=output.entropy.reshape(shape),
        value=output.value.reshape(shape),
        log_probs=output.log_probs.reshape(*shape, -1),
    )


def _split_rows(minibatch: Minibatch, num_chunks: int) -> Minibatch:
    """The same rows with a leading axis of chunks."""

    def split(x: jax.Array) -> jax.Array:
        return x.reshape(num_chunks, -1, *x.shape[1:])

    def split_state(x: jax.Array) -> jax.Array:  # [L, B, H]
        return jnp.swapaxes(x.reshape(x.shape[0], num_chunks, -1, *x.shape[2:]), 0, 1)

    initial = minibatch.initial_state
    chunks = jax.tree.map(split, minibatch.replace(initial_state=None))
    return chunks.replace(initial_state=(split_state(initial[0]), split_state(initial[1])))


def dropout_key(plan: TrainingPlan, key: jax.Array) -> jax.Array | None:
    """The key of a minibatch's dropout from the key that drew its rows; None for a network without dropout.

    The draw takes its noise from the key itself, so what is folded in makes another one.
    """
    return jax.random.fold_in(key, 1) if plan.agent.uses_dropout else None


def minibatch_advantages(plan: TrainingPlan, minibatch: Minibatch, ratio: jax.Array) -> jax.Array:
    """Advantages for the policy loss, float32 [B, T]: with this ratio, normalized, times the row's weight."""
    advantages = trace_advantages(
        plan,
        values=minibatch.values,
        rewards=minibatch.rewards,
        dones=minibatch.dones,
        truncateds=minibatch.truncateds,
        final_values=minibatch.final_values,
        importance=ratio,
        following=minibatch,
    )
    return minibatch.prio_weights * _normalize(plan, advantages)


def _normalize(plan: TrainingPlan, advantages: jax.Array) -> jax.Array:
    """Over all rows of the minibatch, even where only a share of them is on this device."""
    norm_adv, axis = plan.options.norm_adv, plan.rows_axis
    if axis is None or not norm_adv:
        return normalize_advantage_distributed(advantages, norm_adv)
    # Not by `axis_name`, which divides by n, not n - 1: results would depend on the number of devices. Two numbers of
    # each device are enough: its mean, and the sum of squared deviations from it (Chan et al. 1979).
    mean = jnp.mean(advantages)
    means, squares = jax.lax.all_gather(jnp.stack([mean, jnp.sum(jnp.square(advantages - mean))]), axis).T
    mean = jnp.mean(means)
    square = jnp.sum(squares) + advantages.size * jnp.sum(jnp.square(means - mean))
    spread = jnp.sqrt(square / max(means.size * advantages.size - 1, 1))
    return (advantages - mean) / (spread + 1e-8)


def batch_advantages(plan: TrainingPlan, batch: Experience) -> jax.Array:
    """Advantages of the whole rollout with importance 1, float32 [S, T]."""
    return trace_advantages(
        plan,
        values=batch.value,
        rewards=batch.reward,
        dones=batch.done,
        truncateds=batch.truncated,
        final_values=batch.final_value,
        importance=jnp.ones_like(batch.value),
        following=batch,
    )


def trace_advantages(
    plan: TrainingPlan,
    *,
    values: jax.Array,
    rewards: jax.Array,
    dones: jax.Array,
    truncateds: jax.Array,
    final_values: jax.Array,
    importance: jax.Array,
    following: Experience | Minibatch,
) -> jax.Array:
    """`plan.advantage_fn` under the plan's configuration: episodes end at terminations and truncations.

    A truncated episode did not end for good: with `advantage.bootstrap_truncated` its last reward gets gamma times the
    value of its last observation.
    """
    numbers, options = plan.hyperparameters, plan.options.advantage

    def fold(reward: jax.Array, final_value: jax.Array) -> jax.Array:
        return reward + numbers.gamma * final_value if options.bootstrap_truncated else reward

    next_slot: dict[str, Any] = {}
    if options.bootstrap_last:
        next_slot = {
            "next_value": following.next_value,
            "next_reward": fold(following.next_reward, following.next_final_value),
            "next_done": jnp.maximum(following.next_done, following.next_truncated),
        }
    return plan.advantage_fn(
        values,
        fold(rewards, final_values),
        jnp.maximum(dones, truncateds),
        importance,
        gamma=numbers.gamma,
        gae_lambda=numbers.gae_lambda,
        rho_clip=numbers.rho_clip,
        c_clip=numbers.c_clip,
        **next_slot,
    )
