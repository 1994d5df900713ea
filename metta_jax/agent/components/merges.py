"""Components that join several sources, or move axes. Axes are counted with the batch as axis 0."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.components.base import Component, Context, Shape, array_axis

MANY = 1000


class Merge(Component, kw_only=True):
    """Base: sources may be cut to `slice` = [start, stop] of axis `dim` (default 1) before they are joined."""

    slices: tuple[tuple[int | None, tuple[int, int] | None], ...] = ()

    num_sources: ClassVar[tuple[int, int]] = (1, MANY)
    takes_slices: ClassVar[bool] = True
    operation: ClassVar[str]

    @nn.nowrap
    def check(self) -> None:
        for index, (shape, (dim, part)) in enumerate(zip(self.source_shapes, self.slices, strict=True)):
            path = f"{self.config_path}.sources[{index}]"
            if dim is not None and not 1 <= dim <= len(shape):
                raise ValueError(f"{path}.dim: {dim} is not in 1..{len(shape)}, the axes of {shape}")
            if part is not None and not 0 <= part[0] < part[1] <= shape[(dim or 1) - 1]:
                raise ValueError(f"{path}.slice: {list(part)} is not a range within 0..{shape[(dim or 1) - 1]}")
        self.check_shapes(self.cut_shapes())

    @nn.nowrap
    def check_shapes(self, shapes: tuple[Shape, ...]) -> None:
        """Raise ValueError unless the sources, after cutting, can be joined."""
        if len(set(shapes)) > 1:
            raise ValueError(
                f"For '{self.operation}', all source sizes must match. Got sizes: {[list(shape) for shape in shapes]}"
            )

    @nn.nowrap
    def cut_shapes(self) -> tuple[Shape, ...]:
        """The sources' shapes after cutting."""
        shapes = []
        for shape, (dim, part) in zip(self.source_shapes, self.slices, strict=True):
            axis = (dim or 1) - 1
            shapes.append(shape if part is None else (*shape[:axis], part[1] - part[0], *shape[axis + 1 :]))
        return tuple(shapes)

    @nn.nowrap
    def cut(self, sources: tuple[jax.Array, ...]) -> list[jax.Array]:
        """The sources after cutting, in the compute dtype."""
        parts = []
        for source, shape, (dim, part) in zip(sources, self.source_shapes, self.slices, strict=True):
            if part is not None:
                source = jax.lax.slice_in_dim(source, *part, axis=array_axis(shape, dim or 1))
            parts.append(source.astype(self.dtype))
        return parts

    @nn.nowrap
    def shape(self) -> Shape:
        return self.cut_shapes()[0]


class Concat(Merge, kw_only=True):
    """Sources one behind the other along `dim`, which must be the same for all."""

    operation: ClassVar[str] = "concat"

    @nn.nowrap
    def check_shapes(self, shapes: tuple[Shape, ...]) -> None:
        dims = [dim or 1 for dim, _ in self.slices]
        if len(set(dims)) > 1:
            raise ValueError(f"For 'concat', all sources must have the same 'dim'. Got dims: {dims}")
        axis = dims[0] - 1
        if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) > 1:
            raise ValueError(
                f"{self.config_path}: {shapes} differ in more than axis {dims[0]} and cannot be joined there"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        shapes, axis = self.cut_shapes(), (self.slices[0][0] or 1) - 1
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        axis = array_axis(self.source_shapes[0], self.slices[0][0] or 1)
        return jnp.concatenate(self.cut(sources), axis)


class Add(Merge, kw_only=True):
    """Sum of the sources."""

    operation: ClassVar[str] = "add"

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        parts = self.cut(sources)
        return sum(parts[1:], parts[0])


class Subtract(Merge, kw_only=True):
    """First source minus second."""

    operation: ClassVar[str] = "subtract"

    @nn.nowrap
    def check_shapes(self, shapes: tuple[Shape, ...]) -> None:
        super().check_shapes(shapes)
        if len(shapes) != 2:
            raise ValueError("Subtract merge_op requires exactly two sources.")

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        first, second = self.cut(sources)
        return first - second


class Mean(Merge, kw_only=True):
    """Mean of the sources."""

    operation: ClassVar[str] = "mean"

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        parts = self.cut(sources)
        return sum(parts[1:], parts[0]) / len(parts)


class Expand(Component, kw_only=True):
    """Repeat the source along a new axis `expand_dim` of the size `expand_value`, or of axis `source_dim` of a second
    source, which `dims_source` may name."""

    expand_dim: int
    expand_value: int | None = None
    source_dim: int | None = None
    dims_source: str | None = None

    num_sources: ClassVar[tuple[int, int]] = (1, 2)

    @nn.nowrap
    def check(self) -> None:
        self.require_positive("expand_value")
        if not 1 <= self.expand_dim <= len(self.source_shapes[0]) + 1:
            raise ValueError("Expand dim must be greater than 0. 0 is the batch dimension.")
        if (self.expand_value is None) == (self.source_dim is None):
            raise ValueError(f"{self.config_path}: needs either expand_value or source_dim with a second source")
        second = self.source_shapes[1:]
        if self.source_dim is not None and not (second and 1 <= self.source_dim <= len(second[0])):
            raise ValueError(f"{self.config_path}.source_dim: {self.source_dim} is not an axis of a second source")

    @nn.nowrap
    def _size(self) -> int:
        if self.expand_value is not None:
            return self.expand_value
        return self.source_shapes[1][(self.source_dim or 1) - 1]

    @nn.nowrap
    def shape(self) -> Shape:
        axis = self.expand_dim - 1
        return (*self.source_shapes[0][:axis], self._size(), *self.source_shapes[0][axis:])

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = jnp.expand_dims(channels_first(sources[0], self.source_shapes[0]), self.expand_dim)
        return channels_last(jnp.broadcast_to(x, (x.shape[0], *self.shape())), self.shape())


class Reshape(Component, kw_only=True):
    """Take axis `popped_dim` out and multiply axis `squeezed_dim` by its size; either may be the batch (0).

    The earlier one of the two axes varies slowest. Behind a merge into the batch there are more rows than observations;
    BatchReshape undoes that.
    """

    popped_dim: int
    squeezed_dim: int

    @nn.nowrap
    def check(self) -> None:
        axes = len(self.source_shapes[0])
        for name, dim in (("popped_dim", self.popped_dim), ("squeezed_dim", self.squeezed_dim)):
            if not 0 <= dim <= axes:
                raise ValueError(f"{self.config_path}.{name}: {dim} is not in 0..{axes}")
        if self.popped_dim == self.squeezed_dim or self.popped_dim == 0:
            raise ValueError(
                f"{self.config_path}.popped_dim: {self.popped_dim} must be an axis other than 0 and squeezed_dim"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        sizes = [1, *self.source_shapes[0]]
        sizes[self.squeezed_dim] *= sizes[self.popped_dim]
        del sizes[self.popped_dim]
        return tuple(sizes[1:])

    @nn.nowrap
    def rows(self) -> int:
        into_batch = self.squeezed_dim == 0
        return self.source_rows[0] * (self.source_shapes[0][self.popped_dim - 1] if into_batch else 1)

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = channels_first(sources[0], self.source_shapes[0])
        first, second = sorted((self.popped_dim, self.squeezed_dim))
        x = jnp.moveaxis(x, second, first + 1)
        x = x.reshape(*x.shape[:first], -1, *x.shape[first + 2 :])
        if self.popped_dim < self.squeezed_dim:
            x = jnp.moveaxis(x, first, self.squeezed_dim - 1)
        return channels_last(x, self.shape())


class BatchReshape(Component, kw_only=True):
    """Split the rows that a Reshape put into the batch off again, as a new first axis; axes of size 1 are dropped."""

    @nn.nowrap
    def shape(self) -> Shape:
        return tuple(size for size in (self.source_rows[0], *self.source_shapes[0]) if size > 1)

    @nn.nowrap
    def rows(self) -> int:
        return 1

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = channels_first(sources[0], self.source_shapes[0])
        return channels_last(x.reshape(context.location.shape[0], *self.shape()), self.shape())


class CenterPixel(Component, kw_only=True):
    """The channels of an image's central cell."""

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(3)

    @nn.nowrap
    def shape(self) -> Shape:
        return self.source_shapes[0][:1]

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        _, height, width = self.source_shapes[0]
        return sources[0][:, height // 2, width // 2, :]


def channels_first(x: jax.Array, shape: Shape) -> jax.Array:
    """An array of `shape` with its axes in the declared order."""
    return jnp.moveaxis(x, -1, 1) if len(shape) == 3 else x


def channels_last(x: jax.Array, shape: Shape) -> jax.Array:
    """The inverse of `channels_first`."""
    return jnp.moveaxis(x, 1, -1) if len(shape) == 3 else x
