"""Float32 arithmetic that rounds where the original rounds."""

import jax
import jax.numpy as jnp

_LARGEST = float(jnp.finfo(jnp.float32).max)


def rounded(product: jax.Array) -> jax.Array:
    """`product` (float32), rounded by itself before it is added to anything.

    Compilers contract a product and a sum into one operation with one rounding, also across
    `jax.lax.optimization_barrier` and `jax.lax.reduce_precision` (XLA on a CPU with AVX-512: a quarter of random sums
    differ). A minimum with the largest number changes no finite value, and no compiler can know that.
    """
    return jnp.minimum(product, jnp.float32(_LARGEST))


def round_half_away(x: jax.Array) -> jax.Array:
    """Float32 to the nearest int32, halves away from zero."""
    x = rounded(x)
    whole = jnp.trunc(x)
    away = jnp.where(jnp.abs(x - whole) >= 0.5, jnp.sign(x), 0.0)
    return (whole + away).astype(jnp.int32)


def quotient(dividend: jax.Array, divisor: jax.Array) -> jax.Array:
    """`dividend / divisor` (float32, one shape), each element rounded once.

    XLA turns a division by a number that is shared by many elements into products with its inverse, which rounds twice.
    Here the divisor seems to depend on the dividend.
    """
    return dividend / jnp.where(jnp.isnan(dividend), dividend, divisor)
