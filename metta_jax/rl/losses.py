"""The PPO losses, the weight regularizers, and their statistics over an update."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from metta_jax.rl.train_state import LOSS_PARTS, Losses


def compute_ppo_losses(
    *,
    logprobs: jax.Array,
    entropies: jax.Array,
    values: jax.Array,
    old_logprobs: jax.Array,
    old_values: jax.Array,
    returns: jax.Array,
    advantages: jax.Array,
    clip_coef: float,
    vf_clip_coef: float,
    clip_vloss: bool,
) -> dict[str, jax.Array]:
    """The parts of the PPO loss, float32 [] each; means over all slots (Schulman et al. 2017, eq. 7 and 9).

    policy_loss = mean max(-A * ratio, -A * clip(ratio, 1 - clip_coef, 1 + clip_coef)), ratio = exp(new - old)
    value_loss  = 1/2 mean max((v - R)^2, (V + clip(v - V, -vf_clip_coef, vf_clip_coef) - R)^2), or without the
                  second term if not `clip_vloss`

    Metrics beside them: entropy, approx_kl = mean((ratio - 1) - log ratio), clipfrac = share of slots with
    |ratio - 1| > clip_coef, importance = mean ratio, current_logprobs = mean new log-probability.

    Args:
        logprobs, entropies, values: float32 [B, T] of the policy that is trained.
        old_logprobs, old_values: float32 [B, T] of the policy that acted.
        returns: float32 [B, T], targets of the value. advantages: float32 [B, T], normalized and weighted.
    """
    log_ratio = logprobs - old_logprobs
    ratio = jnp.exp(log_ratio)
    clipped_ratio = jnp.clip(ratio, 1.0 - clip_coef, 1.0 + clip_coef)
    policy_loss = jnp.mean(jnp.maximum(-advantages * ratio, -advantages * clipped_ratio))
    value_error = jnp.square(values - returns)
    if clip_vloss:
        clipped_values = old_values + jnp.clip(values - old_values, -vf_clip_coef, vf_clip_coef)
        value_error = jnp.maximum(value_error, jnp.square(clipped_values - returns))
    return {
        "policy_loss": policy_loss,
        "value_loss": 0.5 * jnp.mean(value_error),
        "entropy": jnp.mean(entropies),
        "approx_kl": jnp.mean((ratio - 1.0) - log_ratio),
        "clipfrac": jnp.mean((jnp.abs(ratio - 1.0) > clip_coef).astype(jnp.float32)),
        "importance": jnp.mean(ratio),
        "current_logprobs": jnp.mean(logprobs),
    }


def weight_losses(
    weights: dict[str, jax.Array],
    reference: dict[str, jax.Array],
    init_scales: dict[str, float],
    *,
    l2_reg_loss_coef: float,
    l2_init_loss_coef: float,
) -> dict[str, jax.Array]:
    """l2_reg_loss = coef * sum W^2 and l2_init_loss = coef * sum over layers scale * sum (W - W_ref)^2, float32 [].

    Args:
        weights: weights of the parameter layers by name. reference: their reference, by the same names.
        init_scales: `l2_init_scale` by name.
    """
    zero = jnp.zeros((), jnp.float32)
    squares = (jnp.sum(jnp.square(w)) for w in weights.values()) if l2_reg_loss_coef else ()
    moved = (
        (init_scales[name] * jnp.sum(jnp.square(w - reference[name])) for name, w in weights.items())
        if l2_init_loss_coef
        else ()
    )
    return {
        "l2_reg_loss": l2_reg_loss_coef * sum(squares, zero),
        "l2_init_loss": l2_init_loss_coef * sum(moved, zero),
    }


def total_loss(parts: dict[str, jax.Array], *, ent_coef: float, vf_coef: float) -> jax.Array:
    """policy_loss - ent_coef * entropy + vf_coef * value_loss + the regularizers and kickstart terms, float32 []."""
    return (
        parts["policy_loss"]
        - ent_coef * parts["entropy"]
        + vf_coef * parts["value_loss"]
        + parts["l2_reg_loss"]
        + parts["l2_init_loss"]
        + parts["ks_action_loss"]
        + parts["ks_value_loss"]
    )


def add_losses(losses: Losses, parts: dict[str, jax.Array]) -> Losses:
    """The sums with one more minibatch."""
    sums = {name: getattr(losses, name) + parts[name] for name in LOSS_PARTS}
    return losses.replace(**sums, num_minibatches=losses.num_minibatches + 1)


def loss_stats(losses: Losses, *, unused: frozenset[str] = frozenset()) -> dict[str, jax.Array]:
    """Means over the minibatches, float32 [] each, by the 12 names; explained_variance as it is.

    Args:
        unused: names to leave out, those of terms that the configuration does not use.
    """
    count = jnp.maximum(losses.num_minibatches, 1).astype(jnp.float32)
    stats = {name: getattr(losses, name) / count for name in LOSS_PARTS}
    stats["explained_variance"] = losses.explained_variance
    return {name: value for name, value in stats.items() if name not in unused}
