"""Pooling over an image (channels, height, width) or a list (channels, length)."""

from __future__ import annotations

import itertools
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.components.base import Component, Context, Shape

Size = int | tuple[int] | tuple[int, int]


class Pool(Component, kw_only=True):
    """Base of pools with a window. The stride is the window's size unless given; what does not fill one is dropped."""

    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    padding: int | tuple[int, int] = 0

    num_axes: ClassVar[int]  # axes that are pooled over
    mean: ClassVar[bool]

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(self.num_axes + 1)
        self.require_positive("kernel_size", "stride")
        for size, pad in zip(_sizes(self.kernel_size, self.num_axes), _sizes(self.padding, self.num_axes), strict=True):
            if not 0 <= 2 * pad <= size:
                raise ValueError(f"{self.config_path}.padding: {self.padding} is not in 0..half of the window {size}")
        if min(self.shape()) < 1:
            raise ValueError(
                f"{self.config_path}: the window {self.kernel_size} does not fit into {self.source_shapes[0]}"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        spans = self.source_shapes[0][1:]
        sizes, strides, pads = self._window()
        moves = zip(spans, sizes, strides, pads, strict=True)
        return (self.source_shapes[0][0], *((span + 2 * pad - size) // step + 1 for span, size, step, pad in moves))

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        sizes, strides, pads = self._window()
        first = 1 if self.num_axes == 2 else 2
        dims, steps, paddings = [1] * sources[0].ndim, [1] * sources[0].ndim, [(0, 0)] * sources[0].ndim
        for offset in range(self.num_axes):
            dims[first + offset], steps[first + offset] = sizes[offset], strides[offset]
            paddings[first + offset] = (pads[offset], pads[offset])
        if self.mean:
            total = jax.lax.reduce_window(
                sources[0], np.zeros((), sources[0].dtype), jax.lax.add, dims, steps, paddings
            )
            return total / int(np.prod(sizes))
        lowest = np.asarray(-np.inf, sources[0].dtype)
        return jax.lax.reduce_window(sources[0], lowest, jax.lax.max, dims, steps, paddings)

    @nn.nowrap
    def _window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        stride = self.kernel_size if self.stride is None else self.stride
        axes = self.num_axes
        return _sizes(self.kernel_size, axes), _sizes(stride, axes), _sizes(self.padding, axes)


class MaxPool1d(Pool, kw_only=True):
    """Maximum over windows of the last axis of a list (channels, length)."""

    num_axes: ClassVar[int] = 1
    mean: ClassVar[bool] = False


class MaxPool2d(Pool, kw_only=True):
    """Maximum over windows of an image."""

    num_axes: ClassVar[int] = 2
    mean: ClassVar[bool] = False


class AvgPool1d(Pool, kw_only=True):
    """Mean over windows of the last axis of a list (channels, length); padding counts as zeros."""

    num_axes: ClassVar[int] = 1
    mean: ClassVar[bool] = True


class AvgPool2d(Pool, kw_only=True):
    """Mean over windows of an image; padding counts as zeros."""

    num_axes: ClassVar[int] = 2
    mean: ClassVar[bool] = True


class AdaptivePool(Component, kw_only=True):
    """Base of pools to a given size: bin i of n covers floor(i * length / n) .. ceil((i + 1) * length / n)."""

    output_size: int | tuple[int, int]

    num_axes: ClassVar[int]
    mean: ClassVar[bool]

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(self.num_axes + 1)
        self.require_positive("output_size")

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.source_shapes[0][0], *_sizes(self.output_size, self.num_axes))

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = sources[0]
        first = 1 if self.num_axes == 2 else 2
        counts = _sizes(self.output_size, self.num_axes)
        reduce = jnp.mean if self.mean else jnp.max
        bins = [_bins(span, count) for span, count in zip(self.source_shapes[0][1:], counts, strict=True)]
        axes = tuple(range(first, first + self.num_axes))
        cells = []
        for spans in itertools.product(*bins):
            part = x[(slice(None),) * first + spans]
            cells.append(reduce(part, axes))
        stacked = jnp.stack(cells, axis=first)
        return stacked.reshape(*x.shape[:first], *counts, *x.shape[first + self.num_axes :])


class AdaptiveAvgPool1d(AdaptivePool, kw_only=True):
    """Mean over bins of the last axis of a list (channels, length)."""

    num_axes: ClassVar[int] = 1
    mean: ClassVar[bool] = True


class AdaptiveAvgPool2d(AdaptivePool, kw_only=True):
    """Mean over bins of an image."""

    num_axes: ClassVar[int] = 2
    mean: ClassVar[bool] = True


class AdaptiveMaxPool1d(AdaptivePool, kw_only=True):
    """Maximum over bins of the last axis of a list (channels, length)."""

    num_axes: ClassVar[int] = 1
    mean: ClassVar[bool] = False


class AdaptiveMaxPool2d(AdaptivePool, kw_only=True):
    """Maximum over bins of an image."""

    num_axes: ClassVar[int] = 2
    mean: ClassVar[bool] = False


def _sizes(value: Size, num_axes: int) -> tuple[int, ...]:
    return (value,) * num_axes if isinstance(value, int) else value[:num_axes]


def _bins(span: int, count: int) -> list[slice]:
    return [slice(index * span // count, -(-(index + 1) * span // count)) for index in range(count)]
