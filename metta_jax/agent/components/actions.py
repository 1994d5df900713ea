"""Embeddings of actions, and the actor heads that score them."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.components.base import Component, Context, Parameter, Shape
from metta_jax.agent.initializers import scaled_orthogonal, uniform_fan_in


class Embedding(Component, kw_only=True):
    """Rows of a table [num_embeddings, embedding_dim], picked by an integer source.

    The table is orthogonal, scaled so that its largest absolute value is 0.1.
    """

    num_embeddings: int
    embedding_dim: int

    @nn.nowrap
    def check(self) -> None:
        self.require_positive("num_embeddings", "embedding_dim")

    @nn.nowrap
    def shape(self) -> Shape:
        return (*self.source_shapes[0], self.embedding_dim)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        return {"embedding": Parameter((self.num_embeddings, self.embedding_dim), scaled_orthogonal(0.1))}

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        return self.weight("embedding")[sources[0].astype(jnp.int32)]


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
        return self.weight("embedding")[context.action_rows]


class Actor(Component, kw_only=True):
    """Base of the heads: the sources are a hidden vector [B * T, H] and action embeddings [F, dim]."""

    num_sources: ClassVar[tuple[int, int]] = (2, 2)

    @nn.nowrap
    def check(self) -> None:
        hidden, embeddings = self.source_shapes
        if len(hidden) != 1 or embeddings[:1] != (self.facts.num_actions,) or len(embeddings) != 2:
            raise ValueError(
                f"{self.config_path}: needs the sources (hidden vector, action embeddings), "
                f"not {hidden} and {embeddings}"
            )

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.facts.num_actions,)


class MettaActorSingleHead(Actor, kw_only=True):
    """logit_k = tanh(h^T W) . e_k + b. The product with W is made once per state, not once per action."""

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        (hidden,), (_, dim) = self.source_shapes
        start = uniform_fan_in(hidden)
        return {"kernel": Parameter((hidden, dim), start), "bias": Parameter((1,), start)}

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        hidden, embeddings = sources[0].astype(self.dtype), sources[1].astype(self.dtype)
        query = self.activate("nn.Tanh", self.matmul(hidden, self.weight("kernel")))
        return query @ embeddings.T + self.weight("bias")[None, :]


class MettaActorBig(Actor, kw_only=True):
    """Queries q_j = tanh(h^T W_j), s_j = q_j . e_k + b_j; an MLP with one hidden layer maps relu(s) to logit_k."""

    mlp_hidden_dim: int = 512
    bilinear_output_dim: int = 32

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_positive("mlp_hidden_dim", "bilinear_output_dim")

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        (hidden,), (_, dim) = self.source_shapes
        queries, width = self.bilinear_output_dim, self.mlp_hidden_dim
        start = uniform_fan_in(hidden)
        return {
            "kernel": Parameter((hidden, queries * dim), start),
            "bias": Parameter((queries,), start),
            "mlp_kernel": Parameter((queries, width), uniform_fan_in(queries)),
            "mlp_bias": Parameter((width,), uniform_fan_in(queries)),
            "out_kernel": Parameter((width, 1), uniform_fan_in(width)),
            "out_bias": Parameter((1,), uniform_fan_in(width)),
        }

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        hidden, embeddings = sources[0].astype(self.dtype), sources[1].astype(self.dtype)
        query = self.activate("nn.Tanh", self.matmul(hidden, self.weight("kernel")))
        query = query.reshape(-1, self.bilinear_output_dim, embeddings.shape[-1])
        scores = jnp.einsum("njd,kd->nkj", query, embeddings) + self.weight("bias")[None, None, :]
        x = self.matmul(self.activate("nn.ReLU", scores), self.weight("mlp_kernel"))
        x = self.activate("nn.ReLU", x + self.weight("mlp_bias")[None, None, :])
        return (self.matmul(x, self.weight("out_kernel")) + self.weight("out_bias")[None, None, :])[..., 0]
