"""The observation as an image: one channel per feature of the policy."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax

from metta_jax.agent.arrays import scatter_tokens, scatter_unique_tokens
from metta_jax.agent.components.base import Component, Context, Shape


class ObsTokenToBoxShaper(Component, kw_only=True):
    """box[feature, row, column] = value of the token; of several tokens for one cell and feature the last one counts.

    Features are the policy's; tokens of features that it does not know are dropped.
    """

    num_sources: ClassVar[tuple[int, int]] = (0, 0)

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.facts.num_channels, self.facts.obs_height, self.facts.obs_width)

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        channels, height, width = self.shape()
        tokens = context.location, context.feature, context.value
        if self.wide and self.facts.unique_tokens:
            return scatter_unique_tokens(*tokens, height, width, channels)
        return scatter_tokens(*tokens, height, width, channels, wide=self.wide)


class ObservationNormalizer(Component, kw_only=True):
    """Every channel of the box divided by its feature's normalization."""

    @nn.nowrap
    def check(self) -> None:
        if len(self.source_shapes[0]) != 3 or self.source_shapes[0][0] != self.facts.num_channels:
            raise ValueError(
                f"components.{self.component_name}: needs a box with {self.facts.num_channels} feature channels, "
                f"not {self.source_shapes[0]}"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        return self.source_shapes[0]

    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        scale = 1.0 / context.normalization[: self.facts.num_channels]
        return sources[0] * scale[None, None, None, :]
