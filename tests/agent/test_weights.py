"""Parameter layers, weight clipping, weight metrics."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.agent import Agent, LayerInfo, matrix_metrics
from tests.agent.facts import randomize, small_config, small_env


def linear(**options: Any) -> dict[str, Any]:
    return {"type": "Linear", "sources": ["flat"], "out_features": 9, **options}


def agent_with(clip_range: float, **options: Any) -> Agent:
    return Agent(small_env(), {**small_config(encoded_obs=linear(**options)), "clip_range": clip_range})


def test_parameter_layers_are_linear_and_conv2d() -> None:
    agent = agent_with(0, clip_scale=2, l2_init_scale=0.5, initialization="Xavier")
    layers = {layer.name: layer for layer in agent.parameter_layers}
    assert set(layers) == {"cnn1", "encoded_obs", "critic_1", "_value_"}
    assert layers["encoded_obs"] == LayerInfo("encoded_obs", ("encoded_obs", "kernel"), "Xavier", 2.0, 0.5, False)
    assert layers["critic_1"] == LayerInfo("critic_1", ("critic_1", "kernel"), "Orthogonal", 1.0, 1.0, True)
    params = agent.init(jax.random.key(0))
    assert params["cnn1"]["kernel"].shape == (3, 3, 16, 6)


def test_clipping_bounds_weights_and_nothing_else() -> None:
    agent = agent_with(0.5, initialization="max_0_01", clip_scale=3)
    start = agent.init(jax.random.key(0))
    limits = agent.weight_limits(start)
    assert float(limits["encoded_obs"]) == pytest.approx(0.5 * 3 * 0.01)
    assert float(limits["cnn1"]) == pytest.approx(0.5 * np.abs(start["cnn1"]["kernel"]).max())
    params = randomize(start, scale=2.0)
    clipped = jax.jit(agent.clip_weights)(params, limits)
    for name, part in params.items():
        for leaf, values in part.items():
            bound = float(limits[name]) if name in limits and leaf == "kernel" else math.inf
            np.testing.assert_array_equal(clipped[name][leaf], np.clip(values, -bound, bound))
    assert np.abs(params["cnn1"]["kernel"]).max() > limits["cnn1"]
    assert jax.tree.structure(clipped) == jax.tree.structure(params)


def test_clip_scale_zero_leaves_a_layer_alone() -> None:
    agent = agent_with(0.5, clip_scale=0)
    start = agent.init(jax.random.key(0))
    limits = agent.weight_limits(start)
    assert set(limits) == {"cnn1", "critic_1", "_value_"}
    params = randomize(start, scale=2.0)
    clipped = agent.clip_weights(params, limits)
    np.testing.assert_array_equal(clipped["encoded_obs"]["kernel"], params["encoded_obs"]["kernel"])


def test_no_clipping_by_default() -> None:
    agent = agent_with(0)
    params = randomize(agent.init(jax.random.key(0)))
    assert agent.weight_limits(params) == {}
    jax.tree.map(np.testing.assert_array_equal, agent.clip_weights(params), params)
    with pytest.raises(ValueError, match=r"clip_weights: needs limits = agent.weight_limits\(initial_params\)"):
        agent_with(0.5).clip_weights(params)


def test_metrics_of_a_known_matrix() -> None:
    generator = np.random.default_rng(0)
    left, right = (np.linalg.qr(generator.normal(size=(8, 8)))[0] for _ in range(2))
    singular = np.asarray([1 / index**2 for index in range(1, 8)] + [0.0])
    metrics = matrix_metrics(left @ np.diag(singular) @ right)
    assert metrics["weight_norm"] == pytest.approx(math.sqrt((singular**2).sum()))
    assert metrics["mean_sv"] == pytest.approx(singular.mean())
    assert metrics["largest_sv"] == pytest.approx(1)
    assert metrics["collapsed_dim_%"] == pytest.approx(1 / 8)
    assert metrics["sv_ratio"] == pytest.approx(49)
    # Partial sums 1, 1.25, 1.36, 1.42, 1.464, 1.491, 1.512: the last alone exceeds 99 %, the fifth 95 %.
    assert metrics["effective_rank"] == 7
    assert matrix_metrics(np.diag(singular), delta=0.05)["effective_rank"] == 5
    slope, intercept = np.polyfit(np.log(np.arange(1, 9)), np.log(singular + 1e-10), 1)
    residual = np.log(singular + 1e-10) - slope * np.log(np.arange(1, 9)) - intercept
    assert metrics["sv_loglog_slope"] == pytest.approx(slope, rel=1e-4)
    r2 = 1 - residual.var() / np.log(singular + 1e-10).var()
    assert metrics["sv_loglog_r2"] == pytest.approx(r2, rel=1e-4)


def test_a_power_law_is_a_line() -> None:
    metrics = matrix_metrics(np.diag([index**-1.5 for index in range(1, 9)]))
    assert metrics["sv_loglog_slope"] == pytest.approx(-1.5, abs=1e-6)
    assert metrics["sv_loglog_r2"] == pytest.approx(1)


def test_small_matrices_have_no_line() -> None:
    assert not any("loglog" in name for name in matrix_metrics(np.eye(5)))
    assert {"sv_loglog_slope": 0.0}.items() <= matrix_metrics(np.eye(6)).items()
    assert matrix_metrics(np.eye(100))["effective_rank"] == 99
    assert matrix_metrics(np.eye(100), delta=0.5)["effective_rank"] == 50


def test_broken_weights() -> None:
    metrics = matrix_metrics(np.asarray([[1.0, math.nan], [1.0, 2.0]]))
    assert set(metrics) == {"weight_norm", "avg_abs_weight", "svd_error"}
    assert metrics["svd_error"] == "the weights have NaN or infinite entries"
    assert math.isnan(matrix_metrics(np.zeros((2, 2)))["sv_ratio"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape \(3,\) is not a matrix"):
        matrix_metrics(np.zeros(3))


def test_metrics_of_an_agent_carry_the_component_s_name() -> None:
    agent = agent_with(0)
    params = agent.init(jax.random.key(0))
    metrics = agent.weight_metrics(params)
    assert {name.rpartition("/")[2] for name in metrics} == {"critic_1"}
    expected = matrix_metrics(params["critic_1"]["kernel"])
    assert metrics == {f"weights/{name}/critic_1": value for name, value in expected.items()}
