"""One LSTM layer over time, as an array function with its own backward pass, in the form that a CPU prefers.

T steps, B sequences, H hidden units. The four gates are four arrays from end to end: XLA's CPU backend does not
vectorize an expression that reads several parts of one array of a loop, and such an expression takes 6 times as long.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import matmul
from metta_jax.agent.lstm_wide import input_product, unroll_wide, wide_step

State = tuple[jax.Array, jax.Array]
Gates = tuple[jax.Array, jax.Array, jax.Array, jax.Array]  # input, forget, cell, output
Saved = tuple[Any, ...]  # by the forward pass for the backward one


def lstm_layer(
    x: jax.Array,
    h: jax.Array,
    c: jax.Array,
    keep: jax.Array,
    kernel_input: jax.Array,
    kernel_hidden: jax.Array,
    bias: jax.Array,
    *,
    wide: bool = False,
    kept_dtype: Any = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Run T steps.

    x [T, B, in] and the kernels [in, 4H], [H, 4H] have the compute dtype; h, c float32 [B, H]; keep bool [T, B] is
    false where the state is zeroed before the step; bias float32 [4H], gates in the order input, forget, cell, output.
    Returns (outputs float32 [T, B, H], h, c). `wide` chooses the form for an accelerator, see `lstm_wide`; only there
    the backward pass reads what was kept in `kept_dtype` (None: the compute dtype).
    """
    if wide:
        if x.shape[0] == 1:
            h, c, _ = wide_step(input_product(x[0], kernel_input), keep[0], h, c, kernel_hidden, bias)
            return h[None], h, c
        return unroll_wide(kept_dtype or x.dtype, x, h, c, keep, kernel_input, kernel_hidden, bias)
    if x.shape[0] == 1:
        projected = _split(matmul(x[0], kernel_input).astype(jnp.float32) + bias[None, :])
        h, c, _ = _step(projected, h, c, keep[0], kernel_hidden)
        return h[None], h, c
    # The part of the gates that does not depend on the state is computed for all steps at once.
    projected = _split(matmul(x, kernel_input).astype(jnp.float32) + bias[None, None, :])
    return _unroll(projected, h, c, keep, kernel_hidden)


# Each compiled on its own: JAX would recompile a scan whose body is a closure in every call outside of a jit.
_compiled = functools.partial(jax.jit, inline=True)


@jax.custom_vjp
@_compiled
def _unroll(
    projected: Gates, h: jax.Array, c: jax.Array, keep: jax.Array, kernel_hidden: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    def body(state: State, inputs: tuple[Gates, jax.Array]) -> tuple[State, jax.Array]:
        h, c, _ = _step(inputs[0], *state, inputs[1], kernel_hidden)
        return (h, c), h

    (h, c), outputs = jax.lax.scan(body, (h, c), (projected, keep))
    return outputs, h, c


@_compiled
def _unroll_forward(
    projected: Gates, h: jax.Array, c: jax.Array, keep: jax.Array, kernel_hidden: jax.Array
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], Saved]:
    def body(state: State, inputs: tuple[Gates, jax.Array]) -> tuple[State, tuple[jax.Array, jax.Array, Gates]]:
        h, c, gates = _step(inputs[0], *state, inputs[1], kernel_hidden)
        return (h, c), (h, c, gates)

    (last_h, last_c), (all_h, all_c, all_gates) = jax.lax.scan(body, (h, c), (projected, keep))
    return (all_h, last_h, last_c), (h, c, keep, kernel_hidden, all_h, all_c, all_gates)


@_compiled
def _unroll_backward(
    saved: Saved, gradients: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[Gates, jax.Array, jax.Array, None, jax.Array]:
    """The loop carries the gradients of the state only; the kernel's gradient is one product over all steps.

    Autodiff of the scan would add a [H, 4H] product to an accumulator in every step.
    """
    h, c, keep, kernel_hidden, all_h, all_c, all_gates = saved
    d_outputs, d_h, d_c = gradients
    kept = keep[:, :, None]
    h_before = jnp.where(kept, jnp.concatenate([h[None], all_h[:-1]]), 0.0)
    c_before = jnp.where(kept, jnp.concatenate([c[None], all_c[:-1]]), 0.0)
    dtype = kernel_hidden.dtype
    transposed = [kernel.T for kernel in _split(kernel_hidden)]

    def body(state: State, inputs: tuple[jax.Array, Gates, jax.Array, jax.Array, jax.Array]) -> tuple[State, Gates]:
        d_h, d_c = state
        d_output, (in_gate, forget_gate, cell, out_gate), c, c_before, keep = inputs
        d_h = d_h + d_output
        tanh_c = jnp.tanh(c)
        d_c = d_c + d_h * out_gate * (1.0 - tanh_c * tanh_c)
        d_gates = (
            d_c * cell * in_gate * (1.0 - in_gate),
            d_c * c_before * forget_gate * (1.0 - forget_gate),
            d_c * in_gate * (1.0 - cell * cell),
            d_h * tanh_c * out_gate * (1.0 - out_gate),
        )
        parts = [
            (d_gate.astype(dtype) @ kernel).astype(jnp.float32)
            for d_gate, kernel in zip(d_gates, transposed, strict=True)
        ]
        d_h = jnp.where(keep[:, None], parts[0] + parts[1] + parts[2] + parts[3], 0.0)
        d_c = jnp.where(keep[:, None], d_c * forget_gate, 0.0)
        return (d_h, d_c), d_gates

    inputs = (d_outputs, all_gates, all_c, c_before, keep)
    (d_h, d_c), d_projected = jax.lax.scan(body, (d_h, d_c), inputs, reverse=True)
    size = h.shape[-1]
    rows = h_before.reshape(-1, size).astype(dtype)
    d_kernel = jnp.concatenate([rows.T @ d_gate.reshape(-1, size).astype(dtype) for d_gate in d_projected], axis=-1)
    return d_projected, d_h, d_c, None, d_kernel


_unroll.defvjp(_unroll_forward, _unroll_backward)


def _step(
    projected: Gates, h: jax.Array, c: jax.Array, keep: jax.Array, kernel_hidden: jax.Array
) -> tuple[jax.Array, jax.Array, Gates]:
    """One step: (h, c, the gates after their nonlinearities), each [B, H]."""
    h = jnp.where(keep[:, None], h, 0.0)
    c = jnp.where(keep[:, None], c, 0.0)
    recurrent = _split((h.astype(kernel_hidden.dtype) @ kernel_hidden).astype(jnp.float32))
    in_gate, forget_gate, cell, out_gate = (a + b for a, b in zip(projected, recurrent, strict=True))
    in_gate, forget_gate = jax.nn.sigmoid(in_gate), jax.nn.sigmoid(forget_gate)
    cell, out_gate = jnp.tanh(cell), jax.nn.sigmoid(out_gate)
    c = forget_gate * c + in_gate * cell
    h = out_gate * jnp.tanh(c)
    return h, c, (in_gate, forget_gate, cell, out_gate)


def _split(gates: jax.Array) -> Gates:
    """[..., 4H] as four arrays [..., H]."""
    in_gate, forget_gate, cell, out_gate = jnp.split(gates, 4, axis=-1)
    return in_gate, forget_gate, cell, out_gate
