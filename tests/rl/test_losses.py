from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import KickstartConfig
from metta_jax.rl import Hyperparameters, compute_ppo_losses, loss_stats
from metta_jax.rl.hyperparameters import create_hyperparameters
from metta_jax.rl.kickstart import create_kickstarter
from metta_jax.rl.losses import LOSS_TERMS, add_losses, is_reported, total_loss, weight_losses
from metta_jax.rl.train_state import zero_losses
from tests.rl.training import config


def _ppo(**changes: jax.Array | float | bool) -> dict[str, jax.Array]:
    arguments = {
        "logprobs": jnp.log(jnp.array([[0.5, 0.5]])),
        "entropies": jnp.array([[0.2, 0.4]]),
        "values": jnp.array([[1.0, 0.0]]),
        "old_logprobs": jnp.log(jnp.array([[0.25, 1.0]])),
        "old_values": jnp.array([[0.0, 0.0]]),
        "returns": jnp.array([[2.0, -1.0]]),
        "advantages": jnp.array([[1.0, -1.0]]),
        "clip_coef": 0.2,
        "vf_clip_coef": 0.5,
        "clip_vloss": True,
    }
    return compute_ppo_losses(**(arguments | changes))  # type: ignore[arg-type]


def test_ppo_by_hand() -> None:
    parts = {name: float(value) for name, value in _ppo().items()}
    # ratios 2 and 0.5. max(-2, -1.2) = -1.2 and max(0.5, 0.8) = 0.8
    assert parts["policy_loss"] == pytest.approx((-1.2 + 0.8) / 2)
    # unclipped (1 - 2)^2 = 1, clipped (0.5 - 2)^2 = 2.25; second slot 1 and 1
    assert parts["value_loss"] == pytest.approx(0.5 * (2.25 + 1.0) / 2)
    assert parts["entropy"] == pytest.approx(0.3)
    assert parts["approx_kl"] == pytest.approx(((2 - 1 - np.log(2)) + (0.5 - 1 - np.log(0.5))) / 2)
    assert parts["clipfrac"] == 1.0
    assert parts["importance"] == pytest.approx(1.25)
    assert parts["current_logprobs"] == pytest.approx(np.log(0.5))


def test_clipfrac_counts_ratios_beyond_the_threshold_alone() -> None:
    ratios = jnp.array([[1.19, 1.21, 1.3, 0.81, 0.79, 1.0]])
    slots = {name: jnp.zeros_like(ratios) for name in ("entropies", "values", "old_values", "returns", "advantages")}
    parts = _ppo(logprobs=jnp.log(ratios), old_logprobs=jnp.zeros_like(ratios), **slots)
    assert float(parts["clipfrac"]) == pytest.approx(3 / 6)


def test_value_loss_without_clipping() -> None:
    assert float(_ppo(clip_vloss=False)["value_loss"]) == pytest.approx(0.5 * (1.0 + 1.0) / 2)


def test_clipped_ratio_has_no_gradient() -> None:
    old = jnp.log(jnp.array([[0.25, 1.0]]))

    def policy_loss(logprobs: jax.Array) -> jax.Array:
        return _ppo(logprobs=logprobs, old_logprobs=old)["policy_loss"]

    # ratio 2 with a positive advantage and ratio 0.5 with a negative one are both beyond the clip.
    np.testing.assert_array_equal(np.asarray(jax.grad(policy_loss)(jnp.log(jnp.array([[0.5, 0.5]])))), 0.0)
    inside = np.asarray(jax.grad(policy_loss)(old))
    np.testing.assert_allclose(inside, [[-0.5, 0.5]], rtol=1e-6)


def test_weight_losses_by_hand_and_their_gradient() -> None:
    weights = {"a": jnp.array([[1.0, 2.0]]), "b": jnp.array([[3.0]])}
    reference = {"a": jnp.array([[1.0, 1.0]]), "b": jnp.array([[1.0]])}
    scales = {"a": 1.0, "b": 0.0}

    def losses(weights: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return weight_losses(weights, reference, scales, l2_reg_loss_coef=0.1, l2_init_loss_coef=0.5)

    parts = losses(weights)
    assert float(parts["l2_reg_loss"]) == pytest.approx(0.1 * 14.0)
    assert float(parts["l2_init_loss"]) == pytest.approx(0.5 * 1.0)  # layer b has scale 0
    gradient = jax.grad(lambda w: losses(w)["l2_init_loss"])(weights)
    np.testing.assert_allclose(np.asarray(gradient["a"]), [[0.0, 1.0]])
    np.testing.assert_allclose(np.asarray(gradient["b"]), [[0.0]])


def test_weight_losses_that_are_off_need_no_reference() -> None:
    parts = weight_losses({"a": jnp.ones((2, 2))}, {}, {"a": 1.0}, l2_reg_loss_coef=None, l2_init_loss_coef=None)
    assert {name: float(value) for name, value in parts.items()} == {"l2_reg_loss": 0.0, "l2_init_loss": 0.0}


def test_total() -> None:
    parts = {name: jnp.float32(0.0) for name in LOSS_TERMS} | {
        "policy_loss": jnp.float32(1.0),
        "entropy": jnp.float32(10.0),
        "value_loss": jnp.float32(100.0),
        "l2_reg_loss": jnp.float32(1000.0),
        "ks_value_loss": jnp.float32(0.5),
    }
    numbers = _hyperparameters(ent_coef=0.1, vf_coef=0.5)
    assert float(total_loss(parts, numbers)) == pytest.approx(1.0 - 1.0 + 50.0 + 1000.0 + 0.5)


def test_stats_are_means_over_minibatches() -> None:
    losses = zero_losses(LOSS_TERMS)
    for value in (1.0, 3.0):
        losses = add_losses(losses, dict.fromkeys(LOSS_TERMS, jnp.float32(value)))
    stats = loss_stats(losses.replace(explained_variance=jnp.float32(0.25)))
    assert {name: float(value) for name, value in stats.items()} == dict.fromkeys(LOSS_TERMS, 2.0) | {
        "explained_variance": 0.25
    }


def test_terms_that_are_off_are_not_reported() -> None:
    off = {name for name in LOSS_TERMS if not is_reported(name, _hyperparameters())}
    assert off == {"l2_reg_loss", "l2_init_loss", "ks_action_loss", "ks_value_loss"}
    assert is_reported("l2_init_loss", _hyperparameters(l2_init_loss_coef=0.1))
    assert is_reported("aux_loss", _hyperparameters())


def _hyperparameters(**ppo: float) -> Hyperparameters:
    return create_hyperparameters(config(ppo=ppo), 128, create_kickstarter([], KickstartConfig()))
