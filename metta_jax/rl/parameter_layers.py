"""The weights that regularizers and weight clipping apply to: those of the agent's parameter layers, not biases.

An agent names them in `Policy.parameter_layers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from metta_jax.agent import Policy
from metta_jax.rl.train_state import Params


def layer_weights(agent: Policy, params: Params) -> dict[str, jax.Array]:
    """Weights of the parameter layers by the name of their path."""
    return {"/".join(layer.path): _at(params, layer.path) for layer in agent.parameter_layers}


def init_scales(agent: Policy) -> dict[str, float]:
    """`l2_init_scale` of each parameter layer, by the same names."""
    return {"/".join(layer.path): float(layer.l2_init_scale) for layer in agent.parameter_layers}


def reference_interval(agent: Policy) -> int:
    """Epochs from one update of the reference weights to the next, 0 for never."""
    return int(agent.l2_init_weight_update_interval)


def weight_limits(agent: Policy, params: Params) -> dict[str, jax.Array]:
    """Bounds of the agent's weights, from its first parameters; {} for an agent that clips none."""
    return dict(agent.weight_limits(params))


def check_weight_limits(agent: Policy, limits: Mapping[str, Any]) -> None:
    """Raise ValueError unless `limits` are of the layers that the agent clips."""
    wanted = jax.eval_shape(lambda key: weight_limits(agent, agent.init(key)), jax.random.key(0))
    if limits.keys() != wanted.keys():
        raise ValueError(f"weight_limits: {sorted(limits)} are not the layers that the agent clips, {sorted(wanted)}")


def clip_weights(agent: Policy, params: Params, limits: dict[str, jax.Array]) -> Params:
    """The parameters with the weights clamped to `limits`; unchanged without limits."""
    return agent.clip_weights(params, limits) if limits else params


def _at(params: Params, path: tuple[str, ...]) -> jax.Array:
    for name in path:
        params = params[name]
    return params
