"""Activations by the spelling of the original's configuration files ("nn.ReLU")."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

Activation = Callable[[jax.Array], jax.Array]

ACTIVATIONS: dict[str, Activation] = {
    "ReLU": nn.relu,
    "ReLU6": nn.relu6,
    "LeakyReLU": nn.leaky_relu,
    "ELU": nn.elu,
    "SELU": nn.selu,
    "CELU": nn.celu,
    "GELU": lambda x: nn.gelu(x, approximate=False),
    "SiLU": nn.silu,
    "Mish": lambda x: x * jnp.tanh(nn.softplus(x)),
    "Tanh": jnp.tanh,
    "Sigmoid": nn.sigmoid,
    "LogSigmoid": nn.log_sigmoid,
    "Hardtanh": nn.hard_tanh,
    "Hardswish": nn.hard_swish,
    "Hardsigmoid": nn.hard_sigmoid,
    "Softplus": nn.softplus,
    "Softsign": nn.soft_sign,
    "Identity": lambda x: x,
}


def find_activation(name: str | None) -> Activation:
    """The function for "nn.<Name>"; None is the identity. ValueError("Unsupported nonlinearity: X") otherwise."""
    if name is None:
        return ACTIVATIONS["Identity"]
    prefix, _, kind = name.partition(".")
    if prefix != "nn" or kind not in ACTIVATIONS:
        raise ValueError(f"Unsupported nonlinearity: {name}")
    return ACTIVATIONS[kind]
