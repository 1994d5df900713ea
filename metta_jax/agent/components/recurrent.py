"""The recurrent core."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import rounded
from metta_jax.agent.components.base import Component, Context, Parameter, Shape
from metta_jax.agent.initializers import constant, orthogonal
from metta_jax.agent.lstm import lstm_layer


class LSTM(Component, kw_only=True):
    """Layers of LSTM cells (Hochreiter and Schmidhuber 1997; gates input, forget, cell, output).

    Kernels [in, 4 * output_size] are orthogonal; each layer has two bias vectors of ones, so that every gate starts at
    +2. Returns (output [B * T, output_size], (h, c)). The state is float32 whatever the compute dtype.
    """

    output_size: int
    num_layers: int = 1

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(1)
        self.require_positive("output_size", "num_layers")

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.output_size,)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        gates = 4 * self.output_size
        result = {}
        for layer in range(self.num_layers):
            num_inputs = self.source_shapes[0][0] if layer == 0 else self.output_size
            result[f"kernel_input_{layer}"] = Parameter((num_inputs, gates), orthogonal())
            result[f"kernel_hidden_{layer}"] = Parameter((self.output_size, gates), orthogonal())
            result[f"bias_input_{layer}"] = Parameter((gates,), constant(1.0))
            result[f"bias_hidden_{layer}"] = Parameter((gates,), constant(1.0))
        return result

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        batch, num_steps = context.reset.shape
        keep = jnp.logical_not(context.reset.T)
        x = sources[0].reshape(batch, num_steps, -1).swapaxes(0, 1)
        final_h, final_c = [], []
        for layer in range(self.num_layers):
            kernels = self.weight(f"kernel_input_{layer}"), self.weight(f"kernel_hidden_{layer}")
            bias = self.weight(f"bias_input_{layer}", jnp.float32) + self.weight(f"bias_hidden_{layer}", jnp.float32)
            state = context.recurrent[0][layer], context.recurrent[1][layer]
            x = rounded(x, self.dtype)
            x, h, c = lstm_layer(x, *state, keep, *kernels, bias, wide=self.wide, kept_dtype=self.kept_dtype)
            final_h.append(h)
            final_c.append(c)
        output = x.swapaxes(0, 1).reshape(batch * num_steps, self.output_size)
        return output, (jnp.stack(final_h), jnp.stack(final_c))
