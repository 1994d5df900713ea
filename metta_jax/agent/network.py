"""The networks that an agent can hold: a graph of components, or a Flax module of the user."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.agent.components import Context
from metta_jax.agent.graph import Graph

Recurrent = tuple[jax.Array, jax.Array]


@flax.struct.dataclass
class NetworkOutput:
    """What a network says about N = B * T observations: logits float32 [N, F], value float32 [N, 1]."""

    logits: jax.Array
    value: jax.Array


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
