"""Parameter layers: Linear and Conv2d, which weight clipping, L2 terms and weight metrics apply to."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.activations import find_activation
from metta_jax.agent.arrays import rounded
from metta_jax.agent.components.base import Component, Context, Parameter, Shape, pair
from metta_jax.agent.convolution import convolve
from metta_jax.agent.initializers import constant, initialization_name, kernel_initializer


class ParameterLayer(Component, kw_only=True):
    """A layer with a kernel [..., in, out] and, unless use_bias is false, a bias that starts at 0.

    clip_scale scales the bound of weight clipping (0 = never clipped), l2_init_scale the layer's part of the L2-init
    loss; analyze_weights adds the layer to the weight metrics.
    """

    nonlinearity: str | None = "nn.ReLU"
    initialization: str = "Orthogonal"
    clip_scale: float = 1.0
    l2_init_scale: float = 1.0
    analyze_weights: bool | None = None
    use_bias: bool = True

    kernel_axes: ClassVar[int]

    @nn.nowrap
    def check(self) -> None:
        find_activation(self.nonlinearity)
        initialization_name(self.initialization)
        for name, scale in (("clip_scale", self.clip_scale), ("l2_init_scale", self.l2_init_scale)):
            if scale < 0:
                raise ValueError(f"{self.config_path}.{name}: {scale} is less than 0")

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        raise NotImplementedError

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        shape = self.kernel_shape()
        kernel = Parameter(shape, kernel_initializer(self.initialization, self.nonlinearity))
        return {"kernel": kernel} | ({"bias": Parameter(shape[-1:], constant(0.0))} if self.use_bias else {})

    def finish(self, product: jax.Array) -> jax.Array:
        """nonlinearity(product + bias), float32."""
        total = rounded(product, self.dtype).astype(jnp.float32)
        if self.use_bias:
            bias = self.weight("bias", jnp.float32)
            total = total + bias.reshape((1,) * (product.ndim - 1) + bias.shape)
        return self.activate(self.nonlinearity, total)


class Linear(ParameterLayer, kw_only=True):
    """nonlinearity(W x + b) over the last axis."""

    out_features: int

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_rank(1, 2)
        self.require_positive("out_features")

    @nn.nowrap
    def shape(self) -> Shape:
        return (*self.source_shapes[0][:-1], self.out_features)

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        return (self.source_shapes[0][-1], self.out_features)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        product = self.matmul(rounded(sources[0], self.dtype), self.weight("kernel"))
        return self.finish(product)


class Conv2d(ParameterLayer, kw_only=True):
    """nonlinearity(cross-correlation + b) over an image, zero padding."""

    out_channels: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_rank(3)
        self.require_positive("out_channels", "kernel_size", "stride")
        if min(pair(self.padding)) < 0:
            raise ValueError(f"{self.config_path}.padding: {self.padding} is less than 0")
        self.shape()

    @nn.nowrap
    def shape(self) -> Shape:
        sizes = []
        for axis in (0, 1):
            room = self.source_shapes[0][1 + axis] + 2 * pair(self.padding)[axis] - pair(self.kernel_size)[axis]
            if room < 0 or room % pair(self.stride)[axis]:
                raise ValueError(
                    f"CNN {self.component_name} output dimensions must be integers. Adjust padding or kernel size."
                )
            sizes.append(room // pair(self.stride)[axis] + 1)
        return (self.out_channels, *sizes)

    @nn.nowrap
    def kernel_shape(self) -> Shape:
        return (*pair(self.kernel_size), self.source_shapes[0][0], self.out_channels)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        images = rounded(sources[0], self.dtype)
        padding = pair(self.padding)
        product = convolve(images, self.weight("kernel"), pair(self.stride), padding, wide=self.wide)
        # Images are large; where vectors follow, the digits are kept.
        return rounded(self.finish(product), self.dtype)
