"""The observation as a list of M tokens.

Between these components a token is three float32 numbers: location, feature id of the policy, value. A slot without a
known token has the feature 255 and the value 0.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.components.base import Component, Context, Parameter, Shape
from metta_jax.agent.initializers import Initializer, truncated_normal

PADDING = 255  # the row of an embedding table that is zero and stays zero

_WINDOW_REACH = 10.0  # last row and column of the 11 x 11 window, which become +1


class ObsTokenPadStrip(Component, kw_only=True):
    """The tokens [B * T, M, 3]. The list keeps its length; attention components leave out the padding by the mask."""

    num_sources: ClassVar[tuple[int, int]] = (0, 0)

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.facts.num_tokens, 3)

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        feature = jnp.where(context.padding, PADDING, context.feature)
        value = jnp.where(context.padding, 0, context.value)
        return jnp.stack([part.astype(jnp.float32) for part in (context.location, feature, value)], axis=-1)


class TokenComponent(Component, kw_only=True):
    """Base of components that read tokens [B * T, M, 3]."""

    @nn.nowrap
    def check(self) -> None:
        if self.source_shapes[0] != (self.facts.num_tokens, 3):
            raise ValueError(
                f"{self.config_path}: needs the tokens of an ObsTokenPadStrip, not {self.source_shapes[0]}"
            )


class ObsAttrValNorm(TokenComponent, kw_only=True):
    """Values divided by the normalization of their feature."""

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        feature = sources[0][..., 1].astype(jnp.int32)
        value = sources[0][..., 2] / context.normalization[feature]
        return sources[0].at[..., 2].set(value)


class TokenEmbedding(TokenComponent, kw_only=True):
    """Base of components that turn tokens into vectors by tables of 256 rows."""

    attr_embed_dim: int

    tables: ClassVar[tuple[str, ...]]

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_positive("attr_embed_dim")

    @nn.nowrap
    def length(self) -> int:
        """Length of a token vector."""
        raise NotImplementedError

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.facts.num_tokens, self.length())

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        return {name: Parameter((256, self.attr_embed_dim), padded_table()) for name in self.tables}

    def embed(self, table: str, ids: jax.Array) -> jax.Array:
        """Rows of a table by float ids [B * T, M]; zero, and without a gradient, for 255."""
        ids = ids.astype(jnp.int32)
        return jnp.where((ids == PADDING)[..., None], 0, self.weight(table)[ids])


class ObsAttrEmbedFourier(TokenEmbedding, kw_only=True):
    """E_feature + cos and sin of the row and column at num_freqs octaves + value, one behind the other; 0 for padding.

    Row and column 0..10 become -1..1, the frequencies are 2^0 .. 2^(num_freqs - 1).
    """

    num_freqs: int = 3

    tables: ClassVar[tuple[str, ...]] = ("feature_embedding",)

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_positive("num_freqs")

    @nn.nowrap
    def length(self) -> int:
        return self.attr_embed_dim + 4 * self.num_freqs + 1

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        location, feature, value = (sources[0][..., index] for index in range(3))
        row, column = jnp.floor(location / 16), jnp.mod(location, 16)
        frequencies = jnp.exp2(jnp.arange(self.num_freqs, dtype=jnp.float32))[None, None, :]
        parts = [self.embed("feature_embedding", feature)]
        for position in (row, column):
            angle = (position / _WINDOW_REACH * 2.0 - 1.0)[..., None] * frequencies
            parts += [jnp.cos(angle).astype(self.dtype), jnp.sin(angle).astype(self.dtype)]
        parts.append(value[..., None].astype(self.dtype))
        return jnp.where((feature == PADDING)[..., None], 0, jnp.concatenate(parts, axis=-1))


class ObsAttrCoordEmbed(TokenEmbedding, kw_only=True):
    """E_feature + E_location, and the value behind it."""

    tables: ClassVar[tuple[str, ...]] = ("feature_embedding", "location_embedding")

    @nn.nowrap
    def length(self) -> int:
        return self.attr_embed_dim + 1

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        location, feature, value = (sources[0][..., index] for index in range(3))
        vector = self.embed("feature_embedding", feature) + self.embed("location_embedding", location)
        return jnp.concatenate([vector, value[..., None].astype(self.dtype)], axis=-1)


class ObsAttrCoordValueEmbed(TokenEmbedding, kw_only=True):
    """E_feature + E_location + E_value; the source's values must not be normalized."""

    tables: ClassVar[tuple[str, ...]] = ("feature_embedding", "location_embedding", "value_embedding")

    @nn.nowrap
    def length(self) -> int:
        return self.attr_embed_dim

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        location, feature, value = (sources[0][..., index] for index in range(3))
        vector = self.embed("feature_embedding", feature) + self.embed("location_embedding", location)
        return vector + self.embed("value_embedding", value)


def padded_table() -> Initializer:
    """Truncated normal rows (std 0.02); row 255 is zero."""

    def initialize(noise: jax.Array) -> jax.Array:
        return truncated_normal(0.02)(noise).at[PADDING].set(0.0)

    return initialize
