"""What is done to and said about the weights of parameter layers: clipping and metrics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.initializers import largest_weight

SMALLEST = 1e-10  # singular values up to this count as zero


@dataclasses.dataclass(frozen=True)
class LayerInfo:
    """A parameter layer: where its weights are in the parameters, and the options that concern them."""

    name: str
    path: tuple[str, ...]
    initialization: str | None
    clip_scale: float = 1.0
    l2_init_scale: float = 1.0
    analyze_weights: bool = False


def weight_at(params: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The leaf of a nested mapping."""
    leaf: Any = params
    for key in path:
        leaf = leaf[key]
    return leaf


def weight_limits(params: Mapping[str, Any], layers: tuple[LayerInfo, ...], clip_range: float) -> dict[str, jax.Array]:
    """Bound of each clipped layer by name, float32 []: clip_range * largest initial weight * clip_scale.

    `params` are the initial parameters. Layers with clip_scale 0 are never clipped and are left out.
    """
    return {
        layer.name: clip_range * layer.clip_scale * largest_weight(layer.initialization, weight_at(params, layer.path))
        for layer in layers
        if clip_range > 0 and layer.clip_scale > 0
    }


def clip_weights(
    params: Mapping[str, Any], layers: tuple[LayerInfo, ...], limits: Mapping[str, jax.Array]
) -> dict[str, Any]:
    """New parameters in which the weights of the layers in `limits` are clamped to their bound; biases stay."""
    for layer in layers:
        if layer.name in limits:
            limit = limits[layer.name]
            params = _replace(params, layer.path, jnp.clip(weight_at(params, layer.path), -limit, limit))
    return dict(params)


def matrix_metrics(weights: Any, delta: float = 0.01) -> dict[str, float | str]:
    """Facts about a matrix W with singular values s_1 >= s_2 >= ... Host only.

    weight_norm (Frobenius), mean_sv, largest_sv, collapsed_dim_% (share of s <= 1e-10), sv_ratio (s_1 over the smallest
    s > 1e-10), sv_loglog_r2 and sv_loglog_slope (regression of ln(s_i + 1e-10) on ln i; only for more than 5 values),
    effective_rank (first k with s_1 + ... + s_k >= (1 - delta) sum s; Yang et al. 2020). With NaN or infinite weights
    only weight_norm, avg_abs_weight and the text svd_error.
    """
    matrix = np.asarray(weights, np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"weights: shape {matrix.shape} is not a matrix")
    norm = float(np.sqrt(np.sum(np.square(matrix))))
    if not np.isfinite(matrix).all():
        return {
            "weight_norm": norm,
            "avg_abs_weight": float(np.mean(np.abs(matrix))),
            "svd_error": "the weights have NaN or infinite entries",
        }
    singular = np.linalg.svd(matrix, compute_uv=False)
    nonzero = singular[singular > SMALLEST]
    metrics: dict[str, float | str] = {
        "weight_norm": norm,
        "mean_sv": float(singular.mean()),
        "largest_sv": float(singular[0]),
        "collapsed_dim_%": float(np.mean(singular <= SMALLEST)),
        "sv_ratio": float(singular[0] / nonzero[-1]) if len(nonzero) else math.nan,
        "effective_rank": int(np.argmax(np.cumsum(singular) >= (1.0 - delta) * singular.sum())) + 1,
    }
    if len(singular) > 5:
        x, y = np.log(np.arange(1, len(singular) + 1)), np.log(singular + SMALLEST)
        slope = float(np.sum((x - x.mean()) * (y - y.mean())) / np.sum(np.square(x - x.mean())))
        residual = np.sum(np.square(y - y.mean() - slope * (x - x.mean())))
        spread = np.sum(np.square(y - y.mean()))
        metrics["sv_loglog_r2"] = float(1.0 - residual / spread) if spread > 0 else 1.0
        metrics["sv_loglog_slope"] = slope
    return metrics


def _replace(params: Mapping[str, Any], path: tuple[str, ...], leaf: Any) -> dict[str, Any]:
    key, *rest = path
    return {**params, key: _replace(params[key], tuple(rest), leaf) if rest else leaf}
