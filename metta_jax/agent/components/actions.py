"""Embeddings of actions, and the actor heads that score them."""

from __future__ import annotations

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import matmul
from metta_jax.agent.components.base import Component, Context, Shape, require_positive
from metta_jax.agent.initializers import orthogonal, uniform


def scaled_orthogonal(key: jax.Array, shape: Shape, dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Orthogonal, scaled so that the largest absolute value is 0.1."""
    table = orthogonal(1.0)(key, shape, jnp.float32)
    return (0.1 / jnp.max(jnp.abs(table)) * table).astype(dtype)


class Embedding(Component, kw_only=True):
    """Rows of a table [num_embeddings, embedding_dim], picked by an integer source."""

    num_embeddings: int
    embedding_dim: int

    @nn.nowrap
    def check(self) -> None:
        path = f"components.{self.component_name}"
        require_positive(path, num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)

    @nn.nowrap
    def shape(self) -> Shape:
        return (*self.source_shapes[0], self.embedding_dim)

    def table(self) -> jax.Array:
        shape = (self.num_embeddings, self.embedding_dim)
        return self.cast(self.param("embedding", scaled_orthogonal, shape, jnp.float32))

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return self.table()[sources[0].astype(jnp.int32)]


class ActionEmbedding(Embedding, kw_only=True):
    """Embeddings of the environment's flat actions in its order: [F, embedding_dim], the same for the whole batch.

    The row of an action is decided by its full name; the name -> row table belongs to the policy.
    """

    num_embeddings: int = 100
    embedding_dim: int = 16

    num_sources: ClassVar[tuple[int, int]] = (0, 0)

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.facts.num_actions, self.embedding_dim)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return self.table()[context.action_rows]


class MettaActorSingleHead(Component, kw_only=True):
    """logit_k = tanh(h^T W) . e_k + b from the sources hidden h and embeddings e [F, dim].

    The product with W is made once per state, not once per action.
    """

    num_sources: ClassVar[tuple[int, int]] = (2, 2)

    @nn.nowrap
    def check(self) -> None:
        _check_actor_sources(self)

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.source_shapes[1][0],)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        hidden, embeddings = self.cast(*sources)
        limit = 1.0 / math.sqrt(hidden.shape[-1])
        kernel = self.param("kernel", _uniform(limit), (hidden.shape[-1], embeddings.shape[-1]), jnp.float32)
        bias = self.param("bias", _uniform(limit), (1,), jnp.float32)
        query = jnp.tanh(matmul(hidden, self.cast(kernel)))
        return (query @ embeddings.T).astype(jnp.float32) + bias[None, :]


def _uniform(limit: float) -> nn.initializers.Initializer:
    return lambda key, shape, dtype=jnp.float32: uniform(key, shape, limit, dtype)


def _check_actor_sources(actor: Component) -> None:
    hidden, embeddings = actor.source_shapes
    if len(hidden) != 1 or len(embeddings) != 2:
        raise ValueError(
            f"components.{actor.component_name}: needs the sources (hidden vector, action embeddings), "
            f"not shapes {hidden} and {embeddings}"
        )
