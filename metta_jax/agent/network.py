"""The networks that an agent can hold: a graph of components, or a Flax module of the user."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.agent.components import Context, Facts
from metta_jax.agent.components.actions import ActionEmbedding, MettaActorSingleHead
from metta_jax.agent.graph import Graph

Recurrent = tuple[jax.Array, jax.Array]


class NetworkOutput(flax.struct.PyTreeNode):
    """What a network says about N = B * T observations: logits float32 [N, F], value float32 [N, 1]."""

    logits: jax.Array
    value: jax.Array


class ArchitectureOutput(flax.struct.PyTreeNode):
    """What a Flax module of the user returns; leading axes may be [N] or [B, T], batch first.

    value: one number per observation. Then either logits [..., F], or features [..., any]: those get the head of the
    presets (action embeddings by name, MettaActorSingleHead), so that the policy can play worlds with other actions.
    """

    value: jax.Array
    logits: jax.Array | None = None
    features: jax.Array | None = None


@runtime_checkable
class Architecture(Protocol):
    """A Flax module that stands in for a configuration: `Agent(env, MyModule())`.

    It is called with observation uint8 [B, T, M, 3] (feature ids of the policy; tokens of features that the policy does
    not know are padding, all 255), the recurrent state (h, c), each float32 [num_layers, B, hidden_size], and reset
    bool [B, T], which asks to zero the state before a slot. T is 1 when acting. It must have parameters only, no other
    variables. num_layers = 0 means that it has no state.
    """

    hidden_size: int
    num_layers: int

    def __call__(
        self, observation: jax.Array, recurrent: Recurrent, reset: jax.Array
    ) -> tuple[ArchitectureOutput, Recurrent]:
        """Output for every slot, and the state after the last one."""
        ...


class ComponentNetwork(nn.Module):
    """Runs every component of a graph once."""

    graph: Graph
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, context: Context) -> tuple[NetworkOutput, Recurrent]:
        outputs: dict[str, jax.Array] = {}
        recurrent = context.recurrent
        for node in self.graph.nodes:
            component = node.component(dtype=self.dtype, name=node.name)
            result = component(context, *(outputs[source.name] for source in node.definition.sources))
            if isinstance(result, tuple):
                result, recurrent = result
            outputs[node.name] = result
        logits, value = outputs["_action_"].astype(jnp.float32), outputs["_value_"].astype(jnp.float32)
        return NetworkOutput(logits, value), recurrent


class ArchitectureNetwork(nn.Module):
    """Gives a user's module the observation in the policy's feature ids, and its features a head."""

    architecture: nn.Module
    facts: Facts
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, context: Context) -> tuple[NetworkOutput, Recurrent]:
        batch, num_steps = context.reset.shape
        feature = context.feature.astype(jnp.uint8)
        tokens = jnp.stack([context.location, feature, context.value], axis=-1)
        tokens = jnp.where(context.padding[..., None], jnp.uint8(255), tokens)
        observation = tokens.reshape(batch, num_steps, *tokens.shape[1:])
        output, recurrent = self.architecture(observation, context.recurrent, context.reset)  # type: ignore[operator]
        if (output.logits is None) == (output.features is None):
            raise ValueError("architecture: must return either logits or features")
        logits = output.logits if output.features is None else self._head(context, output.features)
        logits = logits.reshape(batch * num_steps, self.facts.num_actions).astype(jnp.float32)
        return NetworkOutput(logits, output.value.reshape(-1, 1).astype(jnp.float32)), recurrent

    def _head(self, context: Context, features: jax.Array) -> jax.Array:
        features = features.reshape(-1, features.shape[-1])
        shared: dict[str, Any] = {"facts": self.facts, "dtype": self.dtype}
        embeds = ActionEmbedding(component_name="_action_embeds_", name="_action_embeds_", **shared)
        shapes = (features.shape[1:], (self.facts.num_actions, embeds.embedding_dim))
        actor = MettaActorSingleHead(component_name="_action_", name="_action_", source_shapes=shapes, **shared)
        return actor(context, features, embeds(context))
