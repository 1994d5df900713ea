"""Components that change shapes or numbers without being parameter layers."""

from __future__ import annotations

import math
import zlib
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import rounded
from metta_jax.agent.components.base import Component, Context, Parameter, Shape
from metta_jax.agent.initializers import constant, uniform_fan_in


class Flatten(Component, kw_only=True):
    """Everything but the batch axis in one axis. Images come out row by row with their channels together."""

    @nn.nowrap
    def shape(self) -> Shape:
        return (math.prod(self.source_shapes[0]),)

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return sources[0].reshape(sources[0].shape[0], -1)


class Identity(Component, kw_only=True):
    """Its source."""

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return sources[0]


class ReLU(Component, kw_only=True):
    """max(0, x)."""

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return nn.relu(sources[0])


class Dropout(Component, kw_only=True):
    """Set a share p of the numbers to zero and scale the rest by 1 / (1 - p), while training with a key.

    Acting is without it. So the policy that is trained is not quite the one that acted, and ratios do not begin at 1.
    """

    p: float = 0.5

    @nn.nowrap
    def check(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"{self.config_path}.p: {self.p} is not in 0..1 (1 excluded)")

    @property
    def uses_dropout(self) -> bool:
        return self.p > 0

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        if context.dropout_key is None or self.p == 0:
            return sources[0]
        key = jax.random.fold_in(context.dropout_key, zlib.crc32(self.component_name.encode()))
        keep = jax.random.bernoulli(key, 1 - self.p, sources[0].shape)
        return jnp.where(keep, sources[0] / (1 - self.p), 0)


class LayerNorm(Component, kw_only=True):
    """Mean 0 and variance 1 over the last axis (of an image: over its channels), then scale and shift."""

    eps: float = 1e-5

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        features = self.source_shapes[0][0] if len(self.source_shapes[0]) == 3 else self.source_shapes[0][-1]
        return {"scale": Parameter((features,), constant(1.0)), "bias": Parameter((features,), constant(0.0))}

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        scale, bias = self.weight("scale", jnp.float32), self.weight("bias", jnp.float32)
        return rounded(normalize(sources[0], (-1,), scale, bias, self.eps), self.dtype)


class BatchNorm(Component, kw_only=True):
    """Mean 0 and variance 1 of every channel over the rows of this call, then scale and shift.

    An agent has no hidden state, so there are no running averages: acting normalizes by its own batch, too. Who plays
    next to an agent thus changes what it does, and one row alone is refused: it would be its own mean. LayerNorm has
    neither fault.
    """

    eps: float = 1e-5

    rank: ClassVar[int]
    mixes_rows: ClassVar[bool] = True

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(self.rank)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        channels = self.source_shapes[0][:1]
        return {"scale": Parameter(channels, constant(1.0)), "bias": Parameter(channels, constant(0.0))}

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        if sources[0].shape[0] == 1:
            raise ValueError(
                f"{self.config_path}: {type(self).__name__} normalizes over the rows of a call and has no running "
                "averages, so one row alone says nothing; let several agents play in one call, or use LayerNorm"
            )
        axes = tuple(range(sources[0].ndim - 1))
        scale, bias = self.weight("scale", jnp.float32), self.weight("bias", jnp.float32)
        return rounded(normalize(sources[0], axes, scale, bias, self.eps), self.dtype)


class BatchNorm1d(BatchNorm, kw_only=True):
    """Batch normalization of a vector."""

    rank: ClassVar[int] = 1


class BatchNorm2d(BatchNorm, kw_only=True):
    """Batch normalization of an image's channels."""

    rank: ClassVar[int] = 3


class Bilinear(Component, kw_only=True):
    """x1^T A x2 + b of two vectors, A [out_features, in1, in2]; without b if use_bias is false."""

    out_features: int
    use_bias: bool = True

    num_sources: ClassVar[tuple[int, int]] = (2, 2)

    @nn.nowrap
    def check(self) -> None:
        self.require_positive("out_features")
        if [len(shape) for shape in self.source_shapes] != [1, 1]:
            raise ValueError(
                f"{self.config_path}: needs two vectors, not {self.source_shapes[0]} and {self.source_shapes[1]}"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.out_features,)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        (first,), (second,) = self.source_shapes
        start = uniform_fan_in(first)
        kernel = Parameter((first, second, self.out_features), start)
        return {"kernel": kernel} | ({"bias": Parameter((self.out_features,), start)} if self.use_bias else {})

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        first, second = rounded(sources[0], self.dtype), rounded(sources[1], self.dtype)
        product = rounded(jnp.einsum("ni,ijo,nj->no", first, self.weight("kernel"), second), self.dtype)
        if not self.use_bias:
            return product
        return rounded(product.astype(jnp.float32) + self.weight("bias", jnp.float32)[None, :], self.dtype)


class ResNetMLP(Component, kw_only=True):
    """depth / 4 blocks x + f(x), f = 4 times (linear, layer norm, x * sigmoid(beta x) with a learned beta)."""

    depth: int

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(1)
        self.require_positive("depth")
        if self.depth % 4:
            raise ValueError("Depth must be a multiple of 4.")

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        size = self.source_shapes[0][0]
        result = {}
        for index in range(self.depth):
            result[f"kernel_{index}"] = Parameter((size, size), uniform_fan_in(size))
            result[f"bias_{index}"] = Parameter((size,), uniform_fan_in(size))
            result[f"norm_scale_{index}"] = Parameter((size,), constant(1.0))
            result[f"norm_bias_{index}"] = Parameter((size,), constant(0.0))
            result[f"beta_{index}"] = Parameter((), constant(1.0))
        return result

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = sources[0].astype(jnp.float32)
        for block in range(0, self.depth, 4):
            y = x
            for index in range(block, block + 4):
                bias, scale, shift, beta = (
                    self.weight(f"{name}_{index}", jnp.float32) for name in ("bias", "norm_scale", "norm_bias", "beta")
                )
                product = self.matmul(rounded(y, self.dtype), self.weight(f"kernel_{index}"))
                product = rounded(product, self.dtype).astype(jnp.float32)
                y = normalize(product + bias[None, :], (-1,), scale, shift, 1e-5)
                y = y * nn.sigmoid(beta * y)
            x = x + y
        return x


def normalize(x: jax.Array, axes: tuple[int, ...], scale: jax.Array, bias: jax.Array, eps: float) -> jax.Array:
    """(x - mean) / sqrt(variance + eps) * scale + bias.

    The moments are over `axes`; scale and bias float32 belong to the last axis. Returns float32.
    """
    wide = x.astype(jnp.float32)
    mean = jnp.mean(wide, axes, keepdims=True)
    variance = jnp.mean(jnp.square(wide - mean), axes, keepdims=True)
    normal = (wide - mean) * jax.lax.rsqrt(variance + eps)
    return normal * scale.reshape((1,) * (x.ndim - 1) + scale.shape) + bias.reshape((1,) * (x.ndim - 1) + bias.shape)
