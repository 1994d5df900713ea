"""The networks that an agent can hold: a graph of components, or a Flax module of the user."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.agent.arrays import rounded
from metta_jax.agent.components import Context, Facts
from metta_jax.agent.components.actions import ActionEmbedding, MettaActorSingleHead
from metta_jax.agent.graph import Graph, Node
from metta_jax.mettagrid.arguments import kind_of

Recurrent = tuple[jax.Array, jax.Array]


class NetworkOutput(flax.struct.PyTreeNode):
    """What a network says about B * T observations: logits float32 [B * T, F], value float32 [B * T, 1]."""

    logits: jax.Array
    value: jax.Array


class ArchitectureOutput(flax.struct.PyTreeNode):
    """What a Flax module of the user returns; leading axes may be [B * T] or [B, T], batch first.

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
    """Run every component of a graph once; the recurrent core and what follows from it in float32."""

    graph: Graph
    dtype: Any = jnp.float32
    wide: bool = False

    @nn.compact
    def __call__(self, context: Context) -> tuple[NetworkOutput, Recurrent]:
        outputs: dict[str, jax.Array] = {}
        recurrent = context.recurrent
        if self.wide:
            outputs = nn.remat(ComponentNetwork._first_layers, policy=_kept_of_first_layers)(self, context)
        for node in self.graph.nodes:
            if node.name not in outputs:
                result = self._run(node, context, outputs)
                if isinstance(result, tuple):
                    result, recurrent = result
                outputs[node.name] = rounded(result, result.dtype)
        logits, value = outputs["_action_"].astype(jnp.float32), outputs["_value_"].astype(jnp.float32)
        return NetworkOutput(logits, value), recurrent

    def _first_layers(self, context: Context) -> dict[str, jax.Array]:
        """What the first layers see, and their outputs. The backward pass computes what they see again."""
        outputs: dict[str, jax.Array] = {}
        for node in self.graph.first_layers:
            result = self._run(node, context, outputs)
            outputs[node.name] = rounded(result, result.dtype)
        return outputs

    def _run(self, node: Node, context: Context, outputs: dict[str, jax.Array]) -> Any:
        dtype = jnp.float32 if node.name in self.graph.core_and_heads else self.dtype
        component = node.component(dtype=dtype, wide=self.wide, kept_dtype=self.dtype, name=node.name)
        return component(context, *(outputs[source.name] for source in node.definition.sources))


def _kept_of_first_layers(primitive: Any, *_: Any, **__: Any) -> bool:
    """Whether the backward pass finds the results of this operation, rather than computing them again."""
    return primitive.name in {"conv_general_dilated", "dot_general", "gt"}


class ArchitectureNetwork(nn.Module):
    """A user's module, given the observation in the policy's feature ids, with heads on its features."""

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
        result = self.architecture(observation, context.recurrent, context.reset)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], ArchitectureOutput)):
            raise ValueError(
                f"{type(self.architecture).__name__}: returns {_returned(result)}, expected is "
                "(ArchitectureOutput(value=..., logits=...), recurrent)"
            )
        output, recurrent = result
        if (output.logits is None) == (output.features is None):
            raise ValueError("architecture: must return either logits or features")
        logits = output.logits if output.features is None else self._head(context, output.features)
        logits = logits.reshape(batch * num_steps, self.facts.num_actions).astype(jnp.float32)
        return NetworkOutput(logits, output.value.reshape(-1, 1).astype(jnp.float32)), recurrent

    def _head(self, context: Context, features: jax.Array) -> jax.Array:
        features = features.reshape(-1, features.shape[-1])
        shared: dict[str, Any] = {"facts": self.facts, "dtype": jnp.float32}
        embeds = ActionEmbedding(component_name="_action_embeds_", name="_action_embeds_", **shared)
        shapes = (features.shape[1:], (self.facts.num_actions, embeds.embedding_dim))
        actor = MettaActorSingleHead(component_name="_action_", name="_action_", source_shapes=shapes, **shared)
        return actor(context, features, embeds(context))


def _returned(result: Any) -> str:
    """Describe what a module returned, for an error message; a tracer is shown as an array."""
    if isinstance(result, tuple):
        return f"({', '.join(_returned(part) for part in result)})"
    return "an array" if hasattr(result, "dtype") else kind_of(result)
