"""One minibatch: forward pass, losses, gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.rl.advantage import normalize_advantage_distributed
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

    Args:
        reference: reference weights of `l2_init_loss` by layer name, {} if that loss is off.
        agent_step: decides the weight of the teachers.
    """

    def loss_fn(params: Params) -> tuple[jax.Array, MinibatchLoss]:
        loss = plan.loss_fn(plan, params, minibatch, reference=reference, agent_step=agent_step)
        return loss.total, loss

    grads, loss = jax.grad(loss_fn, has_aux=True)(params)
    return grads, jax.lax.stop_gradient(loss)


def minibatch_loss(
    plan: TrainingPlan,
    params: Params,
    minibatch: Minibatch,
    *,
    reference: dict[str, jax.Array],
    agent_step: StepCounter,
) -> MinibatchLoss:
    """The total loss of a minibatch and its parts: the function that is differentiated."""
    config = plan.config
    shape = minibatch.logprobs.shape
    logprobs, entropies, values, log_probs = unroll_policy(plan, params, minibatch)
    ratio = jnp.exp(logprobs - minibatch.logprobs)
    advantages = minibatch_advantages(plan, minibatch, jax.lax.stop_gradient(ratio))
    parts = compute_ppo_losses(
        logprobs=logprobs,
        entropies=entropies,
        values=values,
        old_logprobs=minibatch.logprobs,
        old_values=minibatch.values,
        returns=minibatch.returns,
        advantages=advantages,
        clip_coef=config.ppo.clip_coef,
        vf_clip_coef=config.ppo.vf_clip_coef,
        clip_vloss=config.ppo.clip_vloss,
    )
    parts |= weight_losses(
        layer_weights(plan.agent, params),
        reference,
        init_scales(plan.agent),
        l2_reg_loss_coef=config.ppo.l2_reg_loss_coef,
        l2_init_loss_coef=config.ppo.l2_init_loss_coef,
    )
    parts["ks_action_loss"], parts["ks_value_loss"] = plan.kickstarter(
        log_probs.reshape(*shape, -1), values, minibatch.teacher_log_probs, minibatch.teacher_values, agent_step
    )
    total = total_loss(parts, ent_coef=config.ppo.ent_coef, vf_coef=config.ppo.vf_coef)
    return MinibatchLoss(total=total, parts=parts, values=values, ratio=ratio)


def unroll_policy(
    plan: TrainingPlan, params: Params, minibatch: Minibatch
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Log-probabilities of the recorded actions, entropies and values float32 [B, T], all log-probabilities [B, T, F].

    Rows start from their stored recurrent state, or from zeros if `recurrence.initial_state` says so.
    """
    recurrence = plan.config.recurrence
    shape = minibatch.logprobs.shape
    start = minibatch.initial_state
    if recurrence.initial_state == "zero":
        start = (jnp.zeros_like(start[0]), jnp.zeros_like(start[1]))
    reset = None
    if recurrence.reset_at_episode_end:
        reset = jnp.maximum(minibatch.dones, minibatch.truncateds) > 0.0
    (_, logprob, entropy, value, log_probs), _ = plan.agent.apply(
        params, minibatch.obs, start, action=minibatch.actions, reset=reset
    )
    return logprob.reshape(shape), entropy.reshape(shape), value.reshape(shape), log_probs.reshape(*shape, -1)


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
    """Over all rows of the minibatch, also where only a share of them is here."""
    norm_adv, axis = plan.config.ppo.norm_adv, plan.rows_axis
    if axis is None or not norm_adv:
        return normalize_advantage_distributed(advantages, norm_adv)
    num_rows = advantages.shape[0]
    # Four bytes a slot: gathering them keeps the numbers of one device, which sums of parts would not.
    normalized = normalize_advantage_distributed(jax.lax.all_gather(advantages, axis, tiled=True))
    return jax.lax.dynamic_slice_in_dim(normalized, jax.lax.axis_index(axis) * num_rows, num_rows)


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
    ppo, vtrace, options = plan.config.ppo, plan.config.vtrace, plan.config.advantage

    def fold(reward: jax.Array, final_value: jax.Array) -> jax.Array:
        return reward + ppo.gamma * final_value if options.bootstrap_truncated else reward

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
        gamma=ppo.gamma,
        gae_lambda=ppo.gae_lambda,
        rho_clip=vtrace.vtrace_rho_clip,
        c_clip=vtrace.vtrace_c_clip,
        **next_slot,
    )
