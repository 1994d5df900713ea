"""What every component is: a named box of the network with options, sources and a static output shape.

Shapes are written without the batch axis; N = B * T rows run through every component, ordered batch first. Images are
declared channels first, as (C, H, W), like the layers' options; their arrays are [N, H, W, C], the order in which
convolutions on a CPU are fastest.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, ClassVar

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Facts:
    """Static facts of the policy that components are built from."""

    obs_height: int
    obs_width: int
    num_tokens: int
    num_channels: int  # largest feature id of the policy + 1
    num_actions: int  # F


@flax.struct.dataclass
class Context:
    """What one forward pass gives to every component beside its sources.

    location, value: uint8 [N, M]. feature: int32 [N, M], the policy's feature ids, 255 = not a token.
    normalization: float32 [256] by feature id. action_rows: int32 [F]. recurrent: (h, c) float32 [layers, B, hidden].
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
        """bool [N, M]: true where a slot of the token list holds no token that the policy knows."""
        return (self.location == 255) | (self.feature == 255)


class Component(nn.Module, kw_only=True):
    """Base of all components. The dataclass fields of a subclass are its options."""

    component_name: str
    facts: Facts
    source_shapes: tuple[Shape, ...] = ()
    dtype: Any = jnp.float32  # of the computation; parameters are float32

    num_sources: ClassVar[tuple[int, int]] = (1, 1)  # least and greatest number of sources
    takes_slices: ClassVar[bool] = False  # sources may carry `dim` and `slice`

    @classmethod
    def option_annotations(cls) -> dict[str, Any]:
        """The types of the fields, resolved."""
        return typing.get_type_hints(cls)

    @nn.nowrap
    def check(self) -> None:
        """Raises ValueError for options or source shapes that do not fit. Called once, when the network is built."""

    @nn.nowrap
    def shape(self) -> Shape:
        """Output shape without the batch axis."""
        raise NotImplementedError

    def __call__(self, context: Context, *sources: jax.Array) -> Any:
        raise NotImplementedError

    @nn.nowrap
    def cast(self, *arrays: jax.Array) -> Any:
        """The arrays in the compute dtype; one array is returned bare."""
        result = tuple(array.astype(self.dtype) for array in arrays)
        return result if len(result) > 1 else result[0]


BASE_FIELDS = frozenset(field.name for field in dataclasses.fields(Component))


def option_fields(kind: type[Component]) -> dict[str, dataclasses.Field]:
    """The options of a component type, by name."""
    return {field.name: field for field in dataclasses.fields(kind) if field.name not in BASE_FIELDS}


def check_option(path: str, value: Any, annotation: Any) -> Any:
    """Returns `value` in the form of an option's annotation (lists become tuples), or raises ValueError with its path.

    Understands bool, int, float, str, None, unions of them and tuples.
    """
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            try:
                return check_option(path, value, member)
            except ValueError:
                continue
        raise ValueError(f"{path}: {value!r} is not of the type {_describe(annotation)}")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{path}: {value!r} is not a list of numbers")
        (member, *rest) = typing.get_args(annotation)
        if rest != [Ellipsis] and len(value) != 1 + len(rest):
            raise ValueError(f"{path}: {value!r} does not have {1 + len(rest)} entries")
        return tuple(check_option(path, entry, member) for entry in value)
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if annotation is type(None):
        if value is None:
            return None
    elif isinstance(value, annotation) and not (annotation is not bool and isinstance(value, bool)):
        return value
    raise ValueError(f"{path}: {value!r} is not of the type {_describe(annotation)}")


def require_positive(path: str, **options: int | None) -> None:
    """Raises ValueError unless all given options are None or at least 1."""
    for name, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f"{path}.{name}: {value} is less than 1")


def _describe(annotation: Any) -> str:
    if annotation is type(None):
        return "null"
    members = typing.get_args(annotation)
    if members and typing.get_origin(annotation) is not tuple:
        return " or ".join(_describe(member) for member in members)
    return getattr(annotation, "__name__", str(annotation)) if not members else str(annotation)
