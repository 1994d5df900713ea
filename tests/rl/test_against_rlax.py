"""Our estimators and losses against rlax, which is independent of us."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import TrainingComponents, compute_advantage, compute_ppo_losses
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config

with warnings.catch_warnings():  # its own dependencies warn while they are imported
    warnings.simplefilter("ignore")
    import rlax

GAMMA, LAMBDA = 0.95, 0.9
ROWS, SLOTS = 6, 13


@pytest.fixture(autouse=True)
def loose_ranks() -> Any:
    """rlax adds scalars to arrays."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def _data() -> dict[str, np.ndarray]:
    """T + 1 values and flags: the last column is the slot after the row."""
    rng = np.random.default_rng(0)
    return {
        "values": rng.normal(size=(ROWS, SLOTS + 1)).astype(np.float32),
        "rewards": rng.normal(size=(ROWS, SLOTS + 1)).astype(np.float32),
        "dones": (rng.random((ROWS, SLOTS + 1)) < 0.2).astype(np.float32),
        "ratio": np.exp(rng.normal(scale=0.6, size=(ROWS, SLOTS))).astype(np.float32),
    }


def _ours(data: dict[str, np.ndarray], **options: Any) -> np.ndarray:
    row = {name: jnp.asarray(x[:, :SLOTS]) for name, x in data.items()}
    after = {f"next_{name}": jnp.asarray(data[f"{name}s"][:, SLOTS]) for name in ("value", "reward", "done")}
    advantages = compute_advantage(
        row["values"], row["rewards"], row["dones"], row["ratio"], gamma=GAMMA, gae_lambda=LAMBDA, **after, **options
    )
    return np.asarray(advantages)


def test_gae() -> None:
    data = _data()
    discounts = GAMMA * (1.0 - data["dones"][:, 1:])
    theirs = jax.vmap(lambda r, d, v: rlax.truncated_generalized_advantage_estimation(r, d, LAMBDA, v))(
        jnp.asarray(data["rewards"][:, 1:]), jnp.asarray(discounts), jnp.asarray(data["values"])
    )
    np.testing.assert_allclose(_ours(data, estimator="gae"), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rho_clip", [1.0, 1.7])
def test_vtrace(rho_clip: float) -> None:
    """Both the advantage, and the errors vs - V, which are the original's estimator. rlax clips the trace at 1."""
    data = _data()
    arguments = [
        jnp.asarray(x)
        for x in (
            data["values"][:, :-1],
            data["values"][:, 1:],
            data["rewards"][:, 1:],
            GAMMA * (1.0 - data["dones"][:, 1:]),
            data["ratio"],
        )
    ]
    theirs = jax.vmap(
        lambda *row: rlax.vtrace_td_error_and_advantage(
            *row, lambda_=LAMBDA, clip_rho_threshold=rho_clip, clip_pg_rho_threshold=rho_clip
        )
    )(*arguments)
    errors = _ours(data, rho_clip=rho_clip)
    np.testing.assert_allclose(errors, theirs.errors, rtol=1e-5, atol=1e-5)
    # Their advantage is against a target that mixes vs and V at the next step by lambda, ours is IMPALA's: against vs.
    # Both are the same for lambda = 1.
    full = jax.vmap(
        lambda *row: rlax.vtrace_td_error_and_advantage(
            *row, lambda_=1.0, clip_rho_threshold=rho_clip, clip_pg_rho_threshold=rho_clip
        )
    )(*arguments)
    row = {name: jnp.asarray(x[:, :SLOTS]) for name, x in data.items()}
    after = {f"next_{name}": jnp.asarray(data[f"{name}s"][:, SLOTS]) for name in ("value", "reward", "done")}
    ours = compute_advantage(
        row["values"],
        row["rewards"],
        row["dones"],
        row["ratio"],
        gamma=GAMMA,
        gae_lambda=1.0,
        rho_clip=rho_clip,
        estimator="vtrace",
        **after,
    )
    np.testing.assert_allclose(ours, full.pg_advantage, rtol=1e-5, atol=1e-5)


def test_policy_loss_and_its_gradient() -> None:
    rng = np.random.default_rng(1)
    old, new, advantages = (jnp.asarray(rng.normal(size=40).astype(np.float32)) for _ in range(3))

    def ours(new: jax.Array) -> jax.Array:
        zeros = jnp.zeros((4, 10), jnp.float32)
        parts = compute_ppo_losses(
            logprobs=new.reshape(4, 10),
            old_logprobs=old.reshape(4, 10),
            advantages=advantages.reshape(4, 10),
            entropies=zeros,
            values=zeros,
            old_values=zeros,
            returns=zeros,
            clip_coef=0.2,
            vf_clip_coef=0.1,
            clip_vloss=True,
        )
        return parts["policy_loss"]

    def theirs(new: jax.Array) -> jax.Array:
        return rlax.clipped_surrogate_pg_loss(jnp.exp(new - old), advantages, 0.2)

    for one, other in zip(jax.value_and_grad(ours)(new), jax.value_and_grad(theirs)(new), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("estimator", ["gae", "vtrace", "importance_clipped"])
def test_the_configuration_chooses_the_estimator(estimator: str) -> None:
    training = TrainingComponents.create(ProbeEnv(), ProbeAgent(), config(advantage={"estimator": estimator}))
    data = _data()
    columns = [jnp.asarray(data[name][:, :SLOTS]) for name in ("values", "rewards", "dones", "ratio")]
    got = training.plan.advantage_fn(*columns, gamma=GAMMA, gae_lambda=LAMBDA)
    expected = compute_advantage(*columns, gamma=GAMMA, gae_lambda=LAMBDA, estimator=estimator)  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, expected)
