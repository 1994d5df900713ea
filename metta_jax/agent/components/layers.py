"""Parameter layers (Linear, Conv2d) and the plain layers around them."""

from __future__ import annotations

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.activations import find_activation
from metta_jax.agent.arrays import convolve, matmul
from metta_jax.agent.components.base import Component, Context, Shape, require_positive
from metta_jax.agent.initializers import INITIALIZATIONS, kernel_initializer


class ParameterLayer(Component, kw_only=True):
    """A layer with a kernel [..., in, out] and a bias that starts at 0: what clipping and L2 terms apply to.

    clip_scale scales the bound of weight clipping (0 = never clipped), l2_init_scale the layer's part of the L2-init
    loss; analyze_weights adds the layer to the weight metrics.
    """

    nonlinearity: str | None = "nn.ReLU"
    initialization: str = "Orthogonal"
    clip_scale: float = 1.0
    l2_init_scale: float = 1.0
    analyze_weights: bool | None = None

    @nn.nowrap
    def check(self) -> None:
        find_activation(self.nonlinearity)
        if self.initialization not in INITIALIZATIONS:
            raise ValueError(f"Invalid initialization method: {self.initialization}")
        for name, scale in (("clip_scale", self.clip_scale), ("l2_init_scale", self.l2_init_scale)):
            if scale < 0:
                raise ValueError(f"components.{self.component_name}.{name}: {scale} is less than 0")

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        raise NotImplementedError

    def kernel_and_bias(self) -> tuple[jax.Array, jax.Array]:
        """Both parameters in the compute dtype."""
        shape = self.kernel_shape()
        kernel = self.param("kernel", kernel_initializer(self.initialization, self.nonlinearity), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (shape[-1],), jnp.float32)
        return self.cast(kernel, bias)

    @nn.nowrap
    def activate(self, x: jax.Array) -> jax.Array:
        return find_activation(self.nonlinearity)(x)


class Linear(ParameterLayer, kw_only=True):
    """nonlinearity(W x + b) over the last axis."""

    out_features: int

    @nn.nowrap
    def check(self) -> None:
        super().check()
        require_positive(f"components.{self.component_name}", out_features=self.out_features)

    @nn.nowrap
    def shape(self) -> Shape:
        return (*self.source_shapes[0][:-1], self.out_features)

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        return (self.source_shapes[0][-1], self.out_features)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        kernel, bias = self.kernel_and_bias()
        product = matmul(self.cast(sources[0]), kernel)
        return self.activate(product + bias.reshape((1,) * (product.ndim - 1) + bias.shape))


class Conv2d(ParameterLayer, kw_only=True):
    """nonlinearity of a 2-D cross-correlation plus bias."""

    out_channels: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0

    @nn.nowrap
    def check(self) -> None:
        super().check()
        path = f"components.{self.component_name}"
        if len(self.source_shapes[0]) != 3:
            raise ValueError(f"{path}: a Conv2d needs an image (C, H, W), not {self.source_shapes[0]}")
        for option in ("kernel_size", "stride"):
            for size in pair(getattr(self, option)):
                require_positive(path, **{option: size})
        require_positive(path, out_channels=self.out_channels)
        if min(pair(self.padding)) < 0:
            raise ValueError(f"{path}.padding: {self.padding} is less than 0")
        self.shape()

    @nn.nowrap
    def shape(self) -> Shape:
        sizes = []
        for axis in (0, 1):
            size = self.source_shapes[0][1 + axis] + 2 * pair(self.padding)[axis] - pair(self.kernel_size)[axis]
            if size < 0 or size % pair(self.stride)[axis]:
                raise ValueError(
                    f"CNN {self.component_name} output dimensions must be integers. Adjust padding or kernel size."
                )
            sizes.append(size // pair(self.stride)[axis] + 1)
        return (self.out_channels, *sizes)

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        return (*pair(self.kernel_size), self.source_shapes[0][0], self.out_channels)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        kernel, bias = self.kernel_and_bias()
        product = convolve(self.cast(sources[0]), kernel, pair(self.stride), pair(self.padding))
        return self.activate(product + bias[None, None, None, :])


class Flatten(Component, kw_only=True):
    """Everything but the batch axis in one axis."""

    @nn.nowrap
    def shape(self) -> Shape:
        return (math.prod(self.source_shapes[0]),)

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return sources[0].reshape(sources[0].shape[0], -1)


class Identity(Component, kw_only=True):
    """Its source."""

    num_sources: ClassVar[tuple[int, int]] = (1, 1)

    @nn.nowrap
    def shape(self) -> Shape:
        return self.source_shapes[0]

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return sources[0]


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of an option that may be one number for both."""
    return (value, value) if isinstance(value, int) else value
