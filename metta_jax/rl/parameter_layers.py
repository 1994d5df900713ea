"""The weights that regularizers and weight clipping apply to: those of the agent's parameter layers, not biases.

An agent names them in `parameter_layers`, a sequence of objects with `path` (keys of the parameter tree) and
`l2_init_scale`. An agent without that attribute has none.
"""

from __future__ import annotations

from typing import Any

import jax

from metta_jax.rl.train_state import Params


def layer_weights(agent: Any, params: Params) -> dict[str, jax.Array]:
    """Weights of the parameter layers by the name of their path."""
    return {"/".join(layer.path): _at(params, layer.path) for layer in _layers(agent)}


def init_scales(agent: Any) -> dict[str, float]:
    """`l2_init_scale` of each parameter layer, by the same names."""
    return {"/".join(layer.path): float(layer.l2_init_scale) for layer in _layers(agent)}


def reference_interval(agent: Any) -> int:
    """Epochs from one update of the reference weights to the next, 0 for never."""
    return int(getattr(getattr(agent, "config", None), "l2_init_weight_update_interval", 0))


def weight_limits(agent: Any, params: Params) -> dict[str, jax.Array]:
    """Bounds of the agent's weights, from its first parameters; {} for an agent that clips none."""
    return agent.weight_limits(params) if hasattr(agent, "weight_limits") else {}


def clip_weights(agent: Any, params: Params, limits: dict[str, jax.Array]) -> Params:
    """The parameters with the weights clamped to `limits`; as they are without limits."""
    return agent.clip_weights(params, limits) if limits else params


def _layers(agent: Any) -> Any:
    return getattr(agent, "parameter_layers", ())


def _at(params: Params, path: tuple[str, ...]) -> jax.Array:
    for name in path:
        params = params[name]
    return params
