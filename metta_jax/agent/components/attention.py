"""Attention over tokens. Q queries."""

from __future__ import annotations

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import rounded
from metta_jax.agent.components.base import Component, Context, Parameter, Shape
from metta_jax.agent.components.plain import normalize
from metta_jax.agent.initializers import constant, normal, uniform_fan_in


class Attention(Component, kw_only=True):
    """Base: pre-norm attention layers, then a layer norm and a projection to out_dim (none if the length is out_dim).

    use_mask leaves out the padding of the token list, so the source must have one vector for each of its slots.
    """

    out_dim: int
    use_mask: bool = False
    num_heads: int = 1
    num_layers: int = 1
    use_cls_token: bool = False

    width: ClassVar[str]  # what the length of the vectors is called in errors

    @nn.nowrap
    def check(self) -> None:
        self.require_rank(2)
        self.require_positive("out_dim", "num_heads", "num_layers")
        if self.use_mask and self.source_shapes[0][0] != self.facts.num_tokens:
            raise ValueError(
                f"{self.config_path}.use_mask: the source has {self.source_shapes[0][0]} vectors, "
                f"the mask is for {self.facts.num_tokens} tokens"
            )

    @nn.nowrap
    def require_divisible(self, name: str, size: int) -> None:
        """Raise ValueError unless the heads share `size` evenly."""
        if size % self.num_heads:
            raise ValueError(f"{name} ({size}) must be divisible by num_heads ({self.num_heads})")

    @nn.nowrap
    def end_parameters(self, dim: int) -> dict[str, Parameter]:
        """Parameters of the last layer norm and the projection."""
        result = norm_parameters("out_norm", dim)
        if dim != self.out_dim:
            result |= linear_parameters("out", dim, self.out_dim)
        return result

    def finish(self, x: jax.Array) -> jax.Array:
        """The last layer norm, the projection, and the choice of the first vector."""
        if self.use_cls_token:
            x = x[:, 0]
        x = self.norm("out_norm", x)
        return self.linear("out", x) if x.shape[-1] != self.out_dim else x

    def norm(self, name: str, x: jax.Array) -> jax.Array:
        """Layer norm with parameters of `norm_parameters`, float32."""
        scale, bias = (self.weight(f"{name}_{part}", jnp.float32) for part in ("scale", "bias"))
        return normalize(x, (-1,), scale, bias, 1e-5)

    def linear(self, name: str, x: jax.Array) -> jax.Array:
        """Linear layer with parameters of `linear_parameters`, float32."""
        bias = self.weight(f"{name}_bias", jnp.float32)
        product = rounded(self.product(f"{name}_kernel", x), self.dtype).astype(jnp.float32)
        return product + bias.reshape((1,) * (x.ndim - 1) + bias.shape)

    def product(self, kernel: str, x: jax.Array) -> jax.Array:
        """x times a kernel, in the compute dtype."""
        return self.matmul(rounded(x, self.dtype), self.weight(kernel))

    @nn.nowrap
    def attend(self, query: jax.Array, key: jax.Array, value: jax.Array, padding: jax.Array | None) -> jax.Array:
        """softmax(q k^T / sqrt(length of a head)) v per head, heads side by side: [B * T, Q, v_dim].

        Keys that `padding` bool [B * T, M] marks get the most negative float as their score.
        """
        query, key, value = (x.reshape(*x.shape[:2], self.num_heads, -1) for x in (query, key, value))
        scores = rounded(jnp.einsum("nqhd,nmhd->nhqm", query, key), self.dtype)
        scores = scores.astype(jnp.float32) / math.sqrt(query.shape[-1])
        if padding is not None:
            scores = jnp.where(padding[:, None, None, :], jnp.finfo(jnp.float32).min, scores)
        weights = rounded(jax.nn.softmax(scores, axis=-1), value.dtype)
        mixed = jnp.einsum("nhqm,nmhd->nqhd", weights, value)
        return mixed.reshape(*mixed.shape[:2], -1)


class ObsLatentAttn(Attention, kw_only=True):
    """Learned queries look at the tokens (as in Jaegle et al. 2021).

    Keys and values come from one layer norm of the tokens and serve all layers. Per layer Q <- Q + Out(attention), then
    Q <- Q + MLP(layer norm of Q) with GELU. Output [Q, out_dim], or with use_cls_token the first query's [out_dim].
    query_token_dim defaults to the length of a token; qk_dim and v_dim, of all heads together, to query_token_dim.
    """

    num_query_tokens: int = 1
    query_token_dim: int | None = None
    qk_dim: int | None = None
    v_dim: int | None = None
    mlp_ratio: float = 4.0

    @nn.nowrap
    def dims(self) -> tuple[int, int, int]:
        """(query_token_dim, qk_dim, v_dim); the last two default to the first, which defaults to the token length."""
        query = self.source_shapes[0][1] if self.query_token_dim is None else self.query_token_dim
        qk, v = (query if dim is None else dim for dim in (self.qk_dim, self.v_dim))
        return query, qk, v

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_positive("num_query_tokens", "query_token_dim", "qk_dim", "v_dim")
        query_dim, qk_dim, v_dim = self.dims()
        self.require_divisible("qk_dim", qk_dim)
        self.require_divisible("v_dim", v_dim)
        if self.num_layers > 1 and query_dim != v_dim:
            raise ValueError(
                f"{self.config_path}: more than one layer needs query_token_dim ({query_dim}) equal to v_dim ({v_dim})"
            )
        if int(self.mlp_ratio * query_dim) < 1:
            raise ValueError(f"{self.config_path}.mlp_ratio: {self.mlp_ratio} leaves no hidden unit")

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.out_dim,) if self.use_cls_token else (self.num_query_tokens, self.out_dim)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        token = self.source_shapes[0][1]
        query_dim, qk_dim, v_dim = self.dims()
        hidden = int(self.mlp_ratio * query_dim)
        result = {"queries": Parameter((self.num_query_tokens, query_dim), normal(0.02))}
        result |= norm_parameters("token_norm", token)
        result |= {
            "key_kernel": Parameter((token, qk_dim), uniform_fan_in(token)),
            "value_kernel": Parameter((token, v_dim), uniform_fan_in(token)),
        }
        for layer in range(self.num_layers):
            result |= norm_parameters(f"query_norm_{layer}", query_dim)
            result[f"query_kernel_{layer}"] = Parameter((query_dim, qk_dim), uniform_fan_in(query_dim))
            result |= linear_parameters(f"attended_{layer}", v_dim, query_dim)
            result |= norm_parameters(f"mlp_norm_{layer}", query_dim)
            result |= linear_parameters(f"mlp_up_{layer}", query_dim, hidden)
            result |= linear_parameters(f"mlp_down_{layer}", hidden, query_dim)
        return result | self.end_parameters(query_dim)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        tokens = self.norm("token_norm", sources[0])
        key, value = self.product("key_kernel", tokens), self.product("value_kernel", tokens)
        queries = self.weight("queries", jnp.float32)
        x = jnp.broadcast_to(queries[None], (sources[0].shape[0], *queries.shape))
        for layer in range(self.num_layers):
            query = self.product(f"query_kernel_{layer}", self.norm(f"query_norm_{layer}", x))
            mixed = self.attend(query, key, value, context.padding if self.use_mask else None)
            x = x + self.linear(f"attended_{layer}", mixed)
            hidden = nn.gelu(self.linear(f"mlp_up_{layer}", self.norm(f"mlp_norm_{layer}", x)), approximate=False)
            x = x + self.linear(f"mlp_down_{layer}", hidden)
        return self.finish(x)


class ObsSelfAttn(Attention, kw_only=True):
    """Vectors look at each other; with use_cls_token a learned vector in front collects the output [out_dim]."""

    @nn.nowrap
    def check(self) -> None:
        super().check()
        self.require_divisible("feat_dim", self.source_shapes[0][1])

    @nn.nowrap
    def shape(self) -> Shape:
        return (self.out_dim,) if self.use_cls_token else (self.source_shapes[0][0], self.out_dim)

    @nn.nowrap
    def parameters(self) -> dict[str, Parameter]:
        dim = self.source_shapes[0][1]
        result = {"class_token": Parameter((1, dim), normal(1.0))} if self.use_cls_token else {}
        for layer in range(self.num_layers):
            result |= norm_parameters(f"norm_{layer}", dim)
            result[f"qkv_kernel_{layer}"] = Parameter((dim, 3 * dim), uniform_fan_in(dim))
            result |= linear_parameters(f"attended_{layer}", dim, dim)
        return result | self.end_parameters(dim)

    @nn.compact
    def __call__(self, context: Context, *sources: jax.Array) -> jax.Array:
        x = sources[0].astype(jnp.float32)
        padding = context.padding if self.use_mask else None
        if self.use_cls_token:
            token = self.weight("class_token", jnp.float32)
            x = jnp.concatenate([jnp.broadcast_to(token[None], (x.shape[0], *token.shape)), x], axis=1)
            if padding is not None:
                padding = jnp.pad(padding, ((0, 0), (1, 0)))
        for layer in range(self.num_layers):
            qkv = self.product(f"qkv_kernel_{layer}", self.norm(f"norm_{layer}", x))
            query, key, value = jnp.split(qkv, 3, axis=-1)
            x = x + self.linear(f"attended_{layer}", self.attend(query, key, value, padding))
        return self.finish(x)


def norm_parameters(name: str, size: int) -> dict[str, Parameter]:
    """Scale and bias of a layer norm."""
    return {f"{name}_scale": Parameter((size,), constant(1.0)), f"{name}_bias": Parameter((size,), constant(0.0))}


def linear_parameters(name: str, num_inputs: int, num_outputs: int) -> dict[str, Parameter]:
    """Kernel and bias of a linear layer."""
    start = uniform_fan_in(num_inputs)
    return {
        f"{name}_kernel": Parameter((num_inputs, num_outputs), start),
        f"{name}_bias": Parameter((num_outputs,), start),
    }
