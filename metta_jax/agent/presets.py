"""Named agents, as plain configurations. Each call returns a fresh mapping that the caller may change."""

from __future__ import annotations

from typing import Any

from metta_jax.core.hints import suggestion


def preset(name: str) -> dict[str, Any]:
    """The configuration of a preset. ValueError for an unknown name, with the known ones."""
    if name not in PRESETS:
        raise ValueError(f"agent: no preset '{name}'{suggestion(name, PRESETS)}; there are {', '.join(PRESETS)}")
    return {
        "clip_range": 0.0,
        "analyze_weights_interval": 300,
        "l2_init_weight_update_interval": 0,
        "observations": {"obs_key": "grid_obs"},
        "components": PRESETS[name](),
    }


def _default() -> dict[str, Any]:
    """Two convolutions that keep the window's size, a wide linear layer, one LSTM layer of 512."""
    return {
        **_box(),
        "cnn1": _conv("obs_normalizer", 32, 3, 1, 1),
        "cnn2": _conv("cnn1", 64, 3, 1, 1),
        "obs_flattener": {"type": "Flatten", "sources": [{"name": "cnn2"}]},
        "encoded_obs": _linear("obs_flattener", 512),
        "_core_": _lstm("encoded_obs", 512, 1),
        "_value_": _linear("_core_", 1, nonlinearity=None),
        "actor_1": _linear("_core_", 512),
        **_actions("actor_1"),
    }


def _fast() -> dict[str, Any]:
    """Two convolutions that shrink the window to one cell, two LSTM layers of 128."""
    return {
        **_box(),
        "cnn1": _conv("obs_normalizer", 64, 5, 3, 0),
        "cnn2": _conv("cnn1", 64, 3, 1, 0),
        "obs_flattener": {"type": "Flatten", "sources": [{"name": "cnn2"}]},
        "fc1": _linear("obs_flattener", 128),
        "encoded_obs": _linear("fc1", 128),
        **_small_heads("encoded_obs"),
    }


def _latent_attn_tiny() -> dict[str, Any]:
    """One query that looks at the tokens twice."""
    attention = {"out_dim": 128, "num_layers": 2, "num_heads": 4, "num_query_tokens": 1, "use_cls_token": True}
    return {
        **_tokens(attr_embed_dim=10, num_freqs=4),
        "encoded_obs": _cross_attention(**attention),
        **_small_heads("encoded_obs"),
    }


def _latent_attn_small() -> dict[str, Any]:
    """Ten queries that look at the tokens once and then at each other twice."""
    return {
        **_tokens(attr_embed_dim=8, num_freqs=8),
        "obs_latent_attn": _cross_attention(out_dim=32, num_layers=1, num_heads=4, num_query_tokens=10),
        "encoded_obs": _self_attention(num_layers=2, num_heads=4),
        **_small_heads("encoded_obs"),
    }


def _latent_attn_med() -> dict[str, Any]:
    """As small, with three layers and eight heads everywhere."""
    return {
        **_tokens(attr_embed_dim=12, num_freqs=8),
        "obs_latent_attn": _cross_attention(out_dim=32, num_layers=3, num_heads=8, num_query_tokens=10),
        "encoded_obs": _self_attention(num_layers=3, num_heads=8),
        **_small_heads("encoded_obs"),
    }


PRESETS = {
    "default": _default,
    "fast": _fast,
    "latent_attn_tiny": _latent_attn_tiny,
    "latent_attn_small": _latent_attn_small,
    "latent_attn_med": _latent_attn_med,
}


def _box() -> dict[str, Any]:
    return {
        "_obs_": {"type": "ObsTokenToBoxShaper", "sources": None},
        "obs_normalizer": {"type": "ObservationNormalizer", "sources": [{"name": "_obs_"}]},
    }


def _tokens(attr_embed_dim: int, num_freqs: int) -> dict[str, Any]:
    return {
        "_obs_": {"type": "ObsTokenPadStrip", "sources": None},
        "obs_normalizer": {"type": "ObsAttrValNorm", "sources": [{"name": "_obs_"}]},
        "obs_fourier": {
            "type": "ObsAttrEmbedFourier",
            "sources": [{"name": "obs_normalizer"}],
            "attr_embed_dim": attr_embed_dim,
            "num_freqs": num_freqs,
        },
    }


def _cross_attention(**options: Any) -> dict[str, Any]:
    fixed = {"use_mask": True, "query_token_dim": 32}
    return {"type": "ObsLatentAttn", "sources": [{"name": "obs_fourier"}], **fixed, **options}


def _self_attention(**options: Any) -> dict[str, Any]:
    fixed = {"out_dim": 128, "use_cls_token": True}
    return {"type": "ObsSelfAttn", "sources": [{"name": "obs_latent_attn"}], **fixed, **options}


def _small_heads(source: str) -> dict[str, Any]:
    return {
        "_core_": _lstm(source, 128, 2),
        "critic_1": _linear("_core_", 1024, nonlinearity="nn.Tanh"),
        "_value_": _linear("critic_1", 1, nonlinearity=None),
        "actor_1": _linear("_core_", 512),
        **_actions("actor_1"),
    }


def _actions(source: str) -> dict[str, Any]:
    return {
        "_action_embeds_": {"type": "ActionEmbedding", "nn_params": {"num_embeddings": 100, "embedding_dim": 16}},
        "_action_": {"type": "MettaActorSingleHead", "sources": [{"name": source}, {"name": "_action_embeds_"}]},
    }


def _linear(source: str, out_features: int, **options: Any) -> dict[str, Any]:
    return {"type": "Linear", "sources": [{"name": source}], "nn_params": {"out_features": out_features}, **options}


def _conv(source: str, out_channels: int, kernel_size: int, stride: int, padding: int) -> dict[str, Any]:
    params = {"out_channels": out_channels, "kernel_size": kernel_size, "stride": stride, "padding": padding}
    return {"type": "Conv2d", "sources": [{"name": source}], "nn_params": params}


def _lstm(source: str, output_size: int, num_layers: int) -> dict[str, Any]:
    return {
        "type": "LSTM",
        "sources": [{"name": source}],
        "output_size": output_size,
        "nn_params": {"num_layers": num_layers},
    }
