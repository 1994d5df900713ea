"""Every component that an agent configuration can name."""

from __future__ import annotations

from metta_jax.agent.components.actions import ActionEmbedding, Embedding, MettaActorSingleHead
from metta_jax.agent.components.base import Component, Context, Facts
from metta_jax.agent.components.box import ObservationNormalizer, ObsTokenToBoxShaper
from metta_jax.agent.components.layers import Conv2d, Flatten, Identity, Linear, ParameterLayer
from metta_jax.agent.components.recurrent import LSTM

__all__ = ["COMPONENTS", "Component", "Context", "Facts", "ParameterLayer"]

COMPONENTS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        Linear,
        Conv2d,
        Flatten,
        Identity,
        Embedding,
        ActionEmbedding,
        LSTM,
        ObsTokenToBoxShaper,
        ObservationNormalizer,
        MettaActorSingleHead,
    )
}
