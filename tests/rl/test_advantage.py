from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.rl import calculate_explained_variance, compute_advantage, normalize_advantage_distributed

GAMMA, LAMBDA = 0.9, 0.8


def _rows(seed: int = 0, rows: int = 5, slots: int = 11) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "values": rng.normal(size=(rows, slots)).astype(np.float32),
        "rewards": rng.normal(size=(rows, slots)).astype(np.float32),
        "dones": (rng.random((rows, slots)) < 0.2).astype(np.float32),
        "importance": np.exp(rng.normal(scale=0.5, size=(rows, slots))).astype(np.float32),
        "next_value": rng.normal(size=rows).astype(np.float32),
        "next_reward": rng.normal(size=rows).astype(np.float32),
        "next_done": (rng.random(rows) < 0.5).astype(np.float32),
    }


def _compute(rows: dict[str, np.ndarray], *, bootstrap: bool = True, **options: Any) -> np.ndarray:
    names = ("values", "rewards", "dones", "importance")
    following = {n: jnp.asarray(x) for n, x in rows.items() if n.startswith("next_")} if bootstrap else {}
    arrays = [jnp.asarray(rows[name]) for name in names]
    return np.asarray(compute_advantage(*arrays, gamma=GAMMA, gae_lambda=LAMBDA, **following, **options))


def _reference(rows: dict[str, np.ndarray], rho_clip: float, c_clip: float, bootstrap: bool) -> np.ndarray:
    """The formula of the docstring, slot by slot in float64."""
    num_rows, slots = rows["values"].shape
    values = np.concatenate([rows["values"], rows["next_value"][:, None]], axis=1).astype(np.float64)
    rewards = np.concatenate([rows["rewards"], rows["next_reward"][:, None]], axis=1).astype(np.float64)
    dones = np.concatenate([rows["dones"], rows["next_done"][:, None]], axis=1)
    advantage = np.zeros((num_rows, slots + 1))
    for i in range(num_rows):
        for t in reversed(range(slots if bootstrap else slots - 1)):
            n = 1.0 - dones[i, t + 1]
            rho, c = min(rows["importance"][i, t], rho_clip), min(rows["importance"][i, t], c_clip)
            delta = rho * (rewards[i, t + 1] + GAMMA * values[i, t + 1] * n - values[i, t])
            advantage[i, t] = delta + GAMMA * LAMBDA * c * n * advantage[i, t + 1]
    return advantage[:, :slots]


def test_by_hand() -> None:
    # gamma = 0.5, lambda = 0.5, w = 1. The episode ends with slot 2, so the action of slot 1 was its last.
    advantages = compute_advantage(
        jnp.array([[1.0, 2.0, 4.0]]),
        jnp.array([[9.0, 3.0, 5.0]]),
        jnp.array([[1.0, 0.0, 1.0]]),
        jnp.ones((1, 3)),
        gamma=0.5,
        gae_lambda=0.5,
        next_value=jnp.array([8.0]),
        next_reward=jnp.array([1.0]),
        next_done=jnp.array([0.0]),
    )
    # A[2] = 1 + 0.5 * 8 - 4 = 1;  A[1] = 5 - 2 = 3 (cut);  A[0] = 3 + 0.5 * 2 - 1 + 0.25 * 3 = 3.75
    np.testing.assert_array_equal(np.asarray(advantages), [[3.75, 3.0, 1.0]])


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize(("rho_clip", "c_clip"), [(1.0, 1.0), (2.0, 0.7)])
def test_equals_the_formula(bootstrap: bool, rho_clip: float, c_clip: float) -> None:
    rows = _rows()
    actual = _compute(rows, bootstrap=bootstrap, rho_clip=rho_clip, c_clip=c_clip)
    np.testing.assert_allclose(actual, _reference(rows, rho_clip, c_clip, bootstrap), rtol=2e-5, atol=2e-6)
    if not bootstrap:
        np.testing.assert_array_equal(actual[:, -1], 0.0)


def test_importance_one_is_gae() -> None:
    rows = _rows(1)
    gae = _compute(rows, estimator="gae")
    rows["importance"] = np.ones_like(rows["importance"])
    np.testing.assert_array_equal(_compute(rows), gae)


def test_gae_is_a_mixture_of_n_step_returns() -> None:
    rows = _rows(2, rows=1, slots=6)
    rows["dones"][:] = 0.0
    rows["next_done"][:] = 0.0
    values = np.append(rows["values"][0], rows["next_value"]).astype(np.float64)
    rewards = np.append(rows["rewards"][0], rows["next_reward"]).astype(np.float64)

    def n_step(t: int, n: int) -> float:
        return sum(GAMMA**i * rewards[t + 1 + i] for i in range(n)) + GAMMA**n * values[t + n] - values[t]

    expected = []
    for t in range(6):
        left = 6 - t
        weights = [(1 - LAMBDA) * LAMBDA ** (n - 1) for n in range(1, left)] + [LAMBDA ** (left - 1)]
        expected.append(sum(w * n_step(t, n) for n, w in enumerate(weights, start=1)))
    np.testing.assert_allclose(_compute(rows, estimator="gae")[0], expected, rtol=1e-5, atol=1e-6)


def test_vtrace_equals_the_definition() -> None:
    # Espeholt et al. 2018, equation 1 with lambda in the trace, written as a sum and not as a recursion.
    rows = _rows(3, rows=3, slots=7)
    values = np.concatenate([rows["values"], rows["next_value"][:, None]], axis=1).astype(np.float64)
    rewards = np.concatenate([rows["rewards"], rows["next_reward"][:, None]], axis=1).astype(np.float64)
    discounts = GAMMA * (1.0 - np.concatenate([rows["dones"], rows["next_done"][:, None]], axis=1).astype(np.float64))
    rho, c = np.minimum(rows["importance"], 1.0), LAMBDA * np.minimum(rows["importance"], 0.9)
    targets = values.copy()
    for i in range(3):
        for s in range(7):
            for t in range(s, 7):
                decay = np.prod([discounts[i, j + 1] * c[i, j] for j in range(s, t)])
                delta = rho[i, t] * (rewards[i, t + 1] + discounts[i, t + 1] * values[i, t + 1] - values[i, t])
                targets[i, s] += decay * delta
    expected = rho * (rewards[:, 1:] + discounts[:, 1:] * targets[:, 1:] - values[:, :-1])
    actual = _compute(rows, estimator="vtrace", c_clip=0.9)
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)


def test_the_value_target_of_vtrace_is_impalas_for_lambda_one_only() -> None:
    """Training learns A + V from ratios of 1: r + gamma n vs[t+1], while IMPALA learns vs[t]."""
    rows = {name: jnp.asarray(x) for name, x in _rows(3).items()} | {"importance": jnp.ones((5, 11))}
    after = jnp.concatenate([rows["rewards"], rows["next_reward"][:, None]], axis=1)[:, 1:]
    running = 1.0 - jnp.concatenate([rows["dones"], rows["next_done"][:, None]], axis=1)[:, 1:]
    for gae_lambda in (1.0, LAMBDA):
        options: dict[str, Any] = {"gamma": GAMMA, "gae_lambda": gae_lambda, **rows}
        vs = rows["values"] + compute_advantage(**options)
        shifted = jnp.concatenate([vs, rows["next_value"][:, None]], axis=1)[:, 1:]
        target = compute_advantage(estimator="vtrace", **options) + rows["values"]
        np.testing.assert_allclose(target, after + GAMMA * running * shifted, rtol=1e-5, atol=1e-5)
        assert np.allclose(target, vs, atol=1e-4) == (gae_lambda == 1.0)


def test_no_gradient_flows_through() -> None:
    rows = {name: jnp.asarray(x) for name, x in _rows(4).items()}

    def total(values: jax.Array, importance: jax.Array) -> jax.Array:
        return jnp.sum(
            compute_advantage(values, rows["rewards"], rows["dones"], importance, gamma=GAMMA, gae_lambda=LAMBDA)
        )

    for gradient in jax.grad(total, argnums=(0, 1))(rows["values"], rows["importance"]):
        np.testing.assert_array_equal(np.asarray(gradient), 0.0)


def test_bad_arguments_are_named() -> None:
    ones = jnp.ones((2, 3))
    with pytest.raises(ValueError, match="estimator: 'td' is not one of"):
        compute_advantage(ones, ones, ones, ones, gamma=0.9, gae_lambda=0.9, estimator="td")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one shape \[rows, slots\], got \(2, 3\), \(2, 3\), \(2, 4\)"):
        compute_advantage(ones, ones, jnp.ones((2, 4)), ones, gamma=0.9, gae_lambda=0.9)
    with pytest.raises(ValueError, match="give all of next_value, next_reward and next_done"):
        compute_advantage(ones, ones, ones, ones, gamma=0.9, gae_lambda=0.9, next_value=jnp.ones(2))


def test_normalization_uses_n_minus_1() -> None:
    advantages = np.random.default_rng(0).normal(2.0, 3.0, (4, 6)).astype(np.float32)
    expected = (advantages - advantages.mean()) / (advantages.std(ddof=1) + 1e-8)
    actual = normalize_advantage_distributed(jnp.asarray(advantages))
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-5, atol=1e-6)
    unchanged = normalize_advantage_distributed(jnp.asarray(advantages), norm_adv=False)
    np.testing.assert_array_equal(np.asarray(unchanged), advantages)


def test_normalization_of_equal_or_single_advantages_is_finite() -> None:
    for advantages in (jnp.full((2, 3), 4.0), jnp.ones((1, 1))):
        np.testing.assert_array_equal(np.asarray(normalize_advantage_distributed(advantages)), 0.0)


def test_normalization_over_an_axis_is_global() -> None:
    advantages = np.random.default_rng(1).normal(-1.0, 2.0, (3, 4, 5)).astype(np.float32)
    normalize = jax.vmap(lambda a: normalize_advantage_distributed(a, axis_name="device"), axis_name="device")
    expected = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    np.testing.assert_allclose(np.asarray(normalize(jnp.asarray(advantages))), expected, rtol=1e-4, atol=1e-5)


def test_explained_variance() -> None:
    values, returns = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32), np.array([[1.5, 2.0, 2.5, 4.0]], np.float32)
    expected = 1.0 - np.var(returns - values) / np.var(returns)
    actual = calculate_explained_variance(jnp.asarray(values), jnp.asarray(returns - values))
    np.testing.assert_allclose(float(actual), expected, rtol=1e-5)
    assert np.isnan(float(calculate_explained_variance(jnp.ones((1, 4)), jnp.ones((1, 4)))))
