"""An LSTM layer over time, in the form that an accelerator prefers: one product a step, the rest in one operation.

The four gates are one array [..., 4H] in the order input, forget, cell, output. What the backward pass reads is kept
in a dtype of its own: with a float32 layer inside a bfloat16 network the forward pass has all its digits, and the
backward pass moves half the bytes. T steps, B sequences, H hidden units. `lstm` has the form for a CPU.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import product, rounded

UNROLL = 8  # steps in one iteration of the loop, whose overhead on an accelerator exceeds the arithmetic of a step

State = tuple[jax.Array, jax.Array]
Outputs = tuple[jax.Array, jax.Array, jax.Array]
Saved = tuple[jax.Array, ...]  # by the forward pass for the backward one


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def unroll_wide(
    kept: Any,
    x: jax.Array,
    h: jax.Array,
    c: jax.Array,
    keep: jax.Array,
    kernel_input: jax.Array,
    kernel_hidden: jax.Array,
    bias: jax.Array,
) -> Outputs:
    """Outputs float32 [T, B, H], and h and c [B, H] after the last step.

    x [T, B, in] and the kernels [in, 4H], [H, 4H] have the compute dtype; h, c float32 [B, H]; keep bool [T, B]; bias
    float32 [4H]. `kept` is the dtype of what the backward pass reads, and of the operands of its products; sums are in
    float32.
    """
    outputs, _ = _forward(kept, x, h, c, keep, kernel_input, kernel_hidden, bias)
    return outputs


def wide_step(
    projected: jax.Array, keep: jax.Array, h: jax.Array, c: jax.Array, kernel_hidden: jax.Array, bias: jax.Array
) -> Outputs:
    """One step: h, c float32 [B, H], and the gates after their nonlinearities, float32 [B, 4H].

    projected [B, 4H]: the product of the input and its kernel.
    """
    h = jnp.where(keep[:, None], h, 0.0).astype(kernel_hidden.dtype)
    c = jnp.where(keep[:, None], c, 0.0)
    # The bias is added here: by itself it would be one more pass over the gates of all steps.
    gates = projected.astype(jnp.float32) + bias[None, :] + product(h, kernel_hidden, (1, 0))
    in_gate, forget_gate, cell, out_gate = jnp.split(gates, 4, axis=-1)
    in_gate, forget_gate = jax.nn.sigmoid(in_gate), jax.nn.sigmoid(forget_gate)
    cell, out_gate = jnp.tanh(cell), jax.nn.sigmoid(out_gate)
    c = forget_gate * c + in_gate * cell
    return out_gate * jnp.tanh(c), c, jnp.concatenate([in_gate, forget_gate, cell, out_gate], axis=-1)


def input_product(x: jax.Array, kernel_input: jax.Array) -> jax.Array:
    """The part of the gates that does not depend on the state, [..., 4H] in the compute dtype: of all steps at once."""
    return product(x, kernel_input, (x.ndim - 1, 0)).astype(kernel_input.dtype)


def _forward(
    kept: Any,
    x: jax.Array,
    h: jax.Array,
    c: jax.Array,
    keep: jax.Array,
    kernel_input: jax.Array,
    kernel_hidden: jax.Array,
    bias: jax.Array,
) -> tuple[Outputs, Saved]:
    """Keep the c that each step began with, [T, B, H], and its gates, [T, B, 4H]."""

    def body(state: State, inputs: tuple[jax.Array, jax.Array]) -> tuple[State, tuple[jax.Array, ...]]:
        c_before = jnp.where(inputs[1][:, None], state[1], 0.0)
        h, c, gates = wide_step(*inputs, *state, kernel_hidden, bias)
        return (h, c), (h, rounded(c_before, kept), rounded(gates, kept))

    projected = input_product(x, kernel_input)
    (last_h, last_c), (all_h, c_before, gates) = jax.lax.scan(body, (h, c), (projected, keep), unroll=UNROLL)
    outputs = all_h, last_h, last_c
    saved = (rounded(x, kept), h, keep, kernel_input, kernel_hidden, rounded(outputs[0], kept), c_before, gates)
    return outputs, saved


def _backward(
    kept: Any, saved: Saved, gradients: Outputs
) -> tuple[jax.Array, jax.Array, jax.Array, None, jax.Array, jax.Array, jax.Array]:
    """Recompute c after a step from c before it, which costs less than keeping it."""
    x, h, keep, kernel_input, kernel_hidden, all_h, all_c_before, all_gates = saved
    d_outputs, d_h, d_c = gradients
    dtype = kernel_hidden.dtype
    backward_kernel = kernel_hidden.astype(kept)

    def body(state: State, inputs: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        d_h, d_c = state
        d_output, gates, c_before, keep = inputs
        in_gate, forget_gate, cell, out_gate = jnp.split(gates.astype(jnp.float32), 4, axis=-1)
        c_before = c_before.astype(jnp.float32)
        d_h = d_h + d_output
        tanh_c = jnp.tanh(forget_gate * c_before + in_gate * cell)
        d_c = d_c + d_h * out_gate * (1.0 - tanh_c * tanh_c)
        d_gates = [
            d_c * cell * in_gate * (1.0 - in_gate),
            d_c * c_before * forget_gate * (1.0 - forget_gate),
            d_c * in_gate * (1.0 - cell * cell),
            d_h * tanh_c * out_gate * (1.0 - out_gate),
        ]
        d_gates = jnp.concatenate(d_gates, axis=-1).astype(kept)
        d_h = product(d_gates, backward_kernel, (1, 1))
        before = keep[:, None]
        return (jnp.where(before, d_h, 0.0), jnp.where(before, d_c * forget_gate, 0.0)), d_gates

    inputs = (d_outputs, all_gates, all_c_before, keep)
    (d_h, d_c), d_gates = jax.lax.scan(body, (d_h, d_c), inputs, reverse=True, unroll=UNROLL)
    h_before = jnp.where(keep[:, :, None], jnp.concatenate([h[None].astype(kept), all_h[:-1]]), jnp.zeros((), kept))
    rows = d_gates.reshape(-1, d_gates.shape[-1])
    d_hidden = product(h_before.reshape(-1, h_before.shape[-1]), rows, (0, 0)).astype(dtype)
    d_input = product(x.reshape(-1, x.shape[-1]), rows, (0, 0)).astype(dtype)
    d_bias = jnp.sum(rows, axis=0, dtype=jnp.float32)
    # Otherwise the compiler puts the kernels' gradients off to the end, and what they read is kept until then.
    d_gates, d_input, d_hidden, d_bias = jax.lax.optimization_barrier((d_gates, d_input, d_hidden, d_bias))
    d_x = product(d_gates, kernel_input.astype(kept), (2, 1)).astype(dtype)
    return d_x, d_h, d_c, None, d_input, d_hidden, d_bias


unroll_wide.defvjp(_forward, _backward)
