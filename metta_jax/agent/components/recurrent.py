"""The recurrent core."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.components.base import Component, Context, Shape, require_positive
from metta_jax.agent.initializers import orthogonal
from metta_jax.agent.lstm import lstm_layer


class LSTM(Component, kw_only=True):
    """Layers of LSTM cells (Hochreiter and Schmidhuber 1997; gates input, forget, cell, output).

    Kernels [in, 4 * output_size] are orthogonal; each layer has two bias vectors of ones, so that every gate starts at
    +2. Returns (output [N, output_size], (h, c)). The state is float32 whatever the compute dtype.
    """

    output_size: int
    num_layers: int = 1

    @nn.nowrap
    def check(self) -> None:
        path = f"components.{self.component_name}"
        require_positive(path, output_size=self.output_size, num_layers=self.num_layers)
        if len(self.source_shapes[0]) != 1:
            raise ValueError(f"{path}: an LSTM needs a vector as its source, not {self.source_shapes[0]}")

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.output_size,)

    @nn.compact
    def __call__(
        self, context: Context, *sources: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        batch, num_steps = context.reset.shape
        keep = jnp.logical_not(context.reset.T)
        x = sources[0].reshape(batch, num_steps, -1).swapaxes(0, 1)
        final_h, final_c = [], []
        for layer in range(self.num_layers):
            h, c = context.recurrent[0][layer], context.recurrent[1][layer]
            kernels = []
            for name, width in ((f"kernel_input_{layer}", x.shape[-1]), (f"kernel_hidden_{layer}", self.output_size)):
                kernels.append(self.param(name, orthogonal(1.0), (width, 4 * self.output_size), jnp.float32))
            biases = [
                self.param(name, nn.initializers.ones_init(), (4 * self.output_size,), jnp.float32)
                for name in (f"bias_input_{layer}", f"bias_hidden_{layer}")
            ]
            x, h, c = lstm_layer(self.cast(x), h, c, keep, *self.cast(*kernels), biases[0] + biases[1])
            final_h.append(h)
            final_c.append(c)
        output = x.swapaxes(0, 1).reshape(batch * num_steps, self.output_size)
        return output, (jnp.stack(final_h), jnp.stack(final_c))
