"""Every component that an agent configuration can name."""

from __future__ import annotations

from metta_jax.agent.components import actions, attention, box, layers, merges, plain, pools, recurrent, tokens
from metta_jax.agent.components.base import Component, Context, Facts, Parameter
from metta_jax.agent.components.layers import ParameterLayer

__all__ = ["ALIASES", "COMPONENTS", "Component", "Context", "Facts", "Parameter", "ParameterLayer"]

COMPONENTS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        layers.Linear,
        layers.Conv2d,
        plain.Flatten,
        plain.Identity,
        plain.ReLU,
        plain.Dropout,
        plain.LayerNorm,
        plain.BatchNorm1d,
        plain.BatchNorm2d,
        plain.Bilinear,
        plain.ResNetMLP,
        pools.MaxPool1d,
        pools.MaxPool2d,
        pools.AvgPool1d,
        pools.AvgPool2d,
        pools.AdaptiveAvgPool1d,
        pools.AdaptiveAvgPool2d,
        pools.AdaptiveMaxPool1d,
        pools.AdaptiveMaxPool2d,
        merges.Concat,
        merges.Add,
        merges.Subtract,
        merges.Mean,
        merges.Expand,
        merges.Reshape,
        merges.BatchReshape,
        merges.CenterPixel,
        actions.Embedding,
        actions.ActionEmbedding,
        actions.MettaActorSingleHead,
        actions.MettaActorBig,
        recurrent.LSTM,
        box.ObsTokenToBoxShaper,
        box.ObservationNormalizer,
        tokens.ObsTokenPadStrip,
        tokens.ObsAttrValNorm,
        tokens.ObsAttrEmbedFourier,
        tokens.ObsAttrCoordEmbed,
        tokens.ObsAttrCoordValueEmbed,
        attention.ObsLatentAttn,
        attention.ObsSelfAttn,
    )
}

# Class names of the original for components whose names here are shorter.
ALIASES = {
    **{f"{name}MergeLayer": name for name in ("Concat", "Add", "Subtract", "Mean")},
    **{f"{name}Layer": name for name in ("Expand", "Reshape", "BatchReshape", "CenterPixel")},
}
