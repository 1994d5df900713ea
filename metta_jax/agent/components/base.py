"""What every component is: a named box of the network with options, sources and a static output shape.

Shapes are written without the batch axis. B * T rows run through every component, ordered batch first. Images are
declared channels first, (channels, height, width), as the options of layers count axes; their arrays are
[B * T, height, width, channels], the order in which convolutions on a CPU are fastest.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.agent.activations import find_activation
from metta_jax.agent.arrays import matmul, rounded
from metta_jax.agent.initializers import Initializer
from metta_jax.agent.kept import activate_kept, matmul_kept

Shape = tuple[int, ...]


class Parameter(NamedTuple):
    """Shape and initial values of a float32 parameter."""

    shape: Shape
    initializer: Initializer


@dataclasses.dataclass(frozen=True)
class Facts:
    """Static facts of the policy that components are built from."""

    obs_height: int
    obs_width: int
    num_tokens: int
    num_channels: int  # largest feature id of the policy + 1
    num_actions: int  # F
    unique_tokens: bool = False  # whether no observation has two tokens for one location and feature


class Context(flax.struct.PyTreeNode):
    """What one forward pass gives to every component in addition to its sources.

    location, value: uint8 [B * T, M]. feature: int32 [B * T, M], the policy's feature ids, 255 = not a token.
    normalization: float32 [256] by feature id. action_rows: int32 [F]. recurrent: (h, c) float32 [L, B, H].
    reset: bool [B, T]. dropout_key: None = no dropout.
    """

    location: jax.Array
    feature: jax.Array
    value: jax.Array
    normalization: jax.Array
    action_rows: jax.Array
    recurrent: tuple[jax.Array, jax.Array]
    reset: jax.Array
    dropout_key: jax.Array | None

    @property
    def padding(self) -> jax.Array:
        """bool [B * T, M]: true where a slot of the token list holds no token that the policy knows."""
        return (self.location == 255) | (self.feature == 255)


class Component(nn.Module, kw_only=True):
    """Base of all components. The dataclass fields of a subclass are its options."""

    component_name: str
    facts: Facts
    source_shapes: tuple[Shape, ...] = ()
    source_rows: tuple[int, ...] = ()  # arrays of a source have this many times B * T rows; 1 but behind a Reshape
    dtype: Any = jnp.float32  # of the computation
    wide: bool = False  # whether the form for an accelerator is taken, where there are two
    kept_dtype: Any = None  # of what that form's backward pass reads; None: that of the computation

    num_sources: ClassVar[tuple[int, int]] = (1, 1)  # least and greatest number of sources
    takes_slices: ClassVar[bool] = False  # sources may carry `dim` and `slice`
    mixes_rows: ClassVar[bool] = False  # what comes out for a row depends on other rows of the call

    @classmethod
    def option_annotations(cls) -> dict[str, Any]:
        """The types of the fields, resolved."""
        return typing.get_type_hints(cls)

    @property
    def config_path(self) -> str:
        """The place in the configuration that errors name."""
        return f"components.{self.component_name}"

    @nn.nowrap
    def check(self) -> None:
        """Raise ValueError for options or source shapes that do not fit. Called once, when the network is built."""

    @nn.nowrap
    def shape(self) -> Shape:
        """Output shape without the batch axis; that of the source unless a subclass says otherwise."""
        return self.source_shapes[0]

    @nn.nowrap
    def rows(self) -> int:
        """How many times B * T rows the output has."""
        return self.source_rows[0] if self.source_rows else 1

    @property
    def uses_dropout(self) -> bool:
        """Whether `context.dropout_key` changes anything."""
        return False

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name."""
        return {}

    def weight(self, name: str, dtype: Any = None) -> jax.Array:
        """A parameter in `dtype`, None: the compute dtype; for methods under `nn.compact`.

        The compute dtype is for operands of products. What is added to a product, and functions of it, are in float32,
        where two programs agree to more digits. See `arrays.rounded` too.
        """
        shape, initializer = self.parameters()[name]
        value = self.param(name, lambda key: initializer(jax.random.normal(key, shape, jnp.float32)))
        return rounded(value, self.dtype if dtype is None else dtype)

    @nn.nowrap
    def matmul(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """x [..., in] times kernel [in, out], both in the compute dtype."""
        if self.wide and self.kept_dtype is not None:
            return matmul_kept(self.kept_dtype, x, kernel)
        return matmul(x, kernel)

    @nn.nowrap
    def activate(self, nonlinearity: str | None, x: jax.Array) -> jax.Array:
        """The activation of that name, float32."""
        return activate_kept(self.kept_dtype, nonlinearity, x) if self._keeps_less else find_activation(nonlinearity)(x)

    @property
    def _keeps_less(self) -> bool:
        return self.wide and self.kept_dtype is not None and self.kept_dtype != self.dtype

    def __call__(self, context: Context, *sources: jax.Array) -> Any:
        raise NotImplementedError

    @nn.nowrap
    def require_rank(self, *ranks: int) -> None:
        """Raise ValueError unless the source has one of these numbers of axes."""
        if len(self.source_shapes[0]) not in ranks:
            kinds = {1: "a vector", 2: "a list of vectors", 3: "an image (channels, height, width)"}
            wanted = " or ".join(kinds[rank] for rank in ranks)
            raise ValueError(f"{self.config_path}: {type(self).__name__} needs {wanted}, not {self.source_shapes[0]}")

    @nn.nowrap
    def require_positive(self, *options: str) -> None:
        """Raise ValueError unless these options (numbers, pairs of numbers or None) are at least 1."""
        for option in options:
            value = getattr(self, option)
            smallest = min(value) if isinstance(value, tuple) else value
            if smallest is not None and smallest < 1:
                raise ValueError(f"{self.config_path}.{option}: {value} is less than 1")


BASE_FIELDS = frozenset(field.name for field in dataclasses.fields(Component)) | {"slices"}


def option_fields(kind: type[Component]) -> dict[str, dataclasses.Field[Any]]:
    """The options of a component type, by name."""
    return {field.name: field for field in dataclasses.fields(kind) if field.name not in BASE_FIELDS}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of an option that may be one number for both."""
    return (value, value) if isinstance(value, int) else value


def array_axis(shape: Shape, dim: int) -> int:
    """The array's axis for an axis counted as in `(batch, *shape)`: images are stored with their channels last."""
    return {0: 0, 1: 3, 2: 1, 3: 2}[dim] if len(shape) == 3 else dim
