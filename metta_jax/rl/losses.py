"""The PPO losses, the weight regularizers, and their statistics over an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from metta_jax.rl.hyperparameters import Hyperparameters
from metta_jax.rl.train_state import Losses


class LossTerm(NamedTuple):
    """One part of our loss."""

    coefficient: Callable[[Hyperparameters], jax.Array | float] | None = None  # in the total; None: a metric alone
    is_used: Callable[[Hyperparameters], bool] = lambda _: True  # whether it is reported


# The parts of `minibatch_loss` by name. Regularizers and kickstart terms contain their coefficients.
LOSS_TERMS: Mapping[str, LossTerm] = {
    "policy_loss": LossTerm(lambda _: 1.0),
    "entropy": LossTerm(lambda numbers: -numbers.ent_coef),
    "value_loss": LossTerm(lambda numbers: numbers.vf_coef),
    "l2_reg_loss": LossTerm(lambda _: 1.0, lambda numbers: numbers.l2_reg_loss_coef is not None),
    "l2_init_loss": LossTerm(lambda _: 1.0, lambda numbers: numbers.l2_init_loss_coef is not None),
    "ks_action_loss": LossTerm(lambda _: 1.0, lambda numbers: numbers.kickstarter.num_teachers > 0),
    "ks_value_loss": LossTerm(lambda _: 1.0, lambda numbers: numbers.kickstarter.num_teachers > 0),
    "approx_kl": LossTerm(),
    "clipfrac": LossTerm(),
    "importance": LossTerm(),
    "current_logprobs": LossTerm(),
}


def compute_ppo_losses(
    *,
    logprobs: jax.Array,
    entropies: jax.Array,
    values: jax.Array,
    old_logprobs: jax.Array,
    old_values: jax.Array,
    returns: jax.Array,
    advantages: jax.Array,
    clip_coef: float | jax.Array,
    vf_clip_coef: float | jax.Array,
    clip_vloss: bool,
) -> dict[str, jax.Array]:
    """The parts of the PPO loss, float32 [] each; means over all slots (Schulman et al. 2017, eq. 7 and 9).

    policy_loss = mean max(-A * ratio, -A * clip(ratio, 1 - clip_coef, 1 + clip_coef)), ratio = exp(new - old)
    value_loss  = 1/2 mean max((v - R)^2, (V + clip(v - V, -vf_clip_coef, vf_clip_coef) - R)^2), or without the
                  second term if not `clip_vloss`

    And metrics: entropy, approx_kl = mean((ratio - 1) - log ratio), clipfrac = share of slots with
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
    l2_reg_loss_coef: float | jax.Array | None,
    l2_init_loss_coef: float | jax.Array | None,
) -> dict[str, jax.Array]:
    """l2_reg_loss = coef * sum W^2 and l2_init_loss = coef * sum over layers scale * sum (W - W_ref)^2, float32 [].

    One whose coefficient is None is 0, and costs nothing.

    Args:
      weights: weights of the parameter layers by name. reference: their reference, by the same names.
      init_scales: `l2_init_scale` by name.
    """
    zero = jnp.zeros((), jnp.float32)
    losses: dict[str, jax.Array] = {"l2_reg_loss": zero, "l2_init_loss": zero}
    if l2_reg_loss_coef is not None:
        losses["l2_reg_loss"] = l2_reg_loss_coef * sum((jnp.sum(jnp.square(w)) for w in weights.values()), zero)
    if l2_init_loss_coef is not None:
        moved = (init_scales[name] * jnp.sum(jnp.square(w - reference[name])) for name, w in weights.items())
        losses["l2_init_loss"] = l2_init_loss_coef * sum(moved, zero)
    return losses


def total_loss(parts: dict[str, jax.Array], hyperparameters: Hyperparameters) -> jax.Array:
    """The sum of the terms of `LOSS_TERMS` times their coefficients, float32 []."""
    terms = [
        term.coefficient(hyperparameters) * parts[name]
        for name, term in LOSS_TERMS.items()
        if term.coefficient is not None
    ]
    return sum(terms, jnp.zeros((), jnp.float32))


def check_numbers(parts: Mapping[str, Any]) -> None:
    """Raise ValueError unless every part of a loss, or its shape, is float32 []."""
    for name, part in parts.items():
        if part.shape != () or part.dtype != jnp.float32:
            raise ValueError(f"loss_fn: its part {name!r} is {part.dtype}{list(part.shape)}, not float32[]")


def check_parts(parts: Mapping[str, jax.Array], losses: Losses) -> None:
    """Raise ValueError unless the parts of a minibatch's loss are those that the state was made for."""
    check_numbers(parts)
    if parts.keys() != losses.sums.keys():
        raise ValueError(
            f"loss_fn: returns the parts {sorted(parts)}, but the state has {sorted(losses.sums)}; a state belongs to "
            "the loss of the training whose `init` made it"
        )


def add_losses(losses: Losses, parts: dict[str, jax.Array]) -> Losses:
    """The sums with one more minibatch."""
    sums = {name: total + parts[name] for name, total in losses.sums.items()}
    return losses.replace(sums=sums, num_minibatches=losses.num_minibatches + 1)


def loss_stats(losses: Losses) -> dict[str, jax.Array]:
    """Means of all parts over the minibatches, float32 [] each, and explained_variance."""
    count = jnp.maximum(losses.num_minibatches, 1).astype(jnp.float32)
    return {
        **{name: total / count for name, total in losses.sums.items()},
        "explained_variance": losses.explained_variance,
    }


def is_reported(name: str, hyperparameters: Hyperparameters) -> bool:
    """Whether a part of the loss is a metric: terms that are off are not; parts of a loss_fn of your own always are."""
    return name not in LOSS_TERMS or LOSS_TERMS[name].is_used(hyperparameters)
