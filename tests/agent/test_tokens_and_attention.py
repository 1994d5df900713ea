"""Token components and attention against plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent.components import COMPONENTS
from metta_jax.agent.components.box import ObservationNormalizer, ObsTokenToBoxShaper
from tests.agent.facts import component_facts, make_context, random_observations, run_component

CLOSE: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}
OBSERVATION = random_observations(3, (4,), 6, 16, 5)
NORMALIZATION = np.arange(256) % 7 + 1  # the one of `make_context`


def run(kind: str, *sources: np.ndarray, observation: np.ndarray = OBSERVATION, **options: Any) -> Any:
    return run_component(COMPONENTS[kind], *sources, context=make_context(observation), **options)


def tokens_of(observation: np.ndarray = OBSERVATION) -> np.ndarray:
    tokens = observation.astype(np.float32)
    tokens[observation[..., 0] == 255] = (255, 255, 0)
    return tokens


def table(params: dict[str, np.ndarray], name: str, ids: np.ndarray) -> np.ndarray:
    rows = params[f"{name}_embedding"].copy()
    rows[255] = 0
    return rows[ids.astype(int)]


def test_observations_have_padding() -> None:
    assert 0 < (OBSERVATION[..., 0] == 255).sum() < OBSERVATION[..., 0].size


def test_box_and_its_normalization() -> None:
    facts = component_facts()
    context = make_context(OBSERVATION)
    box = ObsTokenToBoxShaper(component_name="box", facts=facts, parent=None)
    image = np.asarray(box.apply({}, context))
    assert box.shape() == (16, 5, 5)
    expected = np.zeros((4, 5, 5, 16))
    for row, observation in zip(expected, OBSERVATION.tolist(), strict=True):
        for location, feature, value in observation:
            if location != 255:
                row[location >> 4, location & 15, feature] = value
    np.testing.assert_array_equal(image, expected)
    normalizer = ObservationNormalizer(component_name="n", facts=facts, source_shapes=((16, 5, 5),), parent=None)
    normalizer.check()
    np.testing.assert_allclose(np.asarray(normalizer.apply({}, context, image)), expected / NORMALIZATION[:16], **CLOSE)
    with pytest.raises(ValueError, match=r"needs a box with 16 feature channels, not \(3, 5, 5\)"):
        ObservationNormalizer(component_name="n", facts=facts, source_shapes=((3, 5, 5),), parent=None).check()


def test_box_drops_unknown_features() -> None:
    observation = np.asarray([[[0x11, 3, 9], [0x11, 200, 8]]], np.uint8)
    context = make_context(observation, feature=jnp.asarray([[255, 4]], jnp.int32))
    box = ObsTokenToBoxShaper(component_name="box", facts=component_facts(), parent=None)
    image = np.asarray(box.apply({}, context))
    assert image[0, 1, 1, 4] == 8
    assert image.sum() == 8


def test_pad_strip() -> None:
    np.testing.assert_array_equal(run("ObsTokenPadStrip")[0], tokens_of())


def test_values_are_divided_by_the_normalization_of_their_feature() -> None:
    tokens = tokens_of()
    out = np.asarray(run("ObsAttrValNorm", tokens)[0])
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[..., :2], tokens[..., :2])
    np.testing.assert_allclose(out[..., 2], tokens[..., 2] / NORMALIZATION[tokens[..., 1].astype(int)], **CLOSE)
    with pytest.raises(ValueError, match="needs the tokens of an ObsTokenPadStrip"):
        run("ObsAttrValNorm", tokens[:, :5])


def test_fourier() -> None:
    tokens = tokens_of()
    out, params, component = run("ObsAttrEmbedFourier", tokens, attr_embed_dim=4, num_freqs=2)
    assert component.shape() == (6, 4 + 4 * 2 + 1)
    for row, list_of_tokens in zip(np.asarray(out), tokens.tolist(), strict=True):
        for vector, (location, feature, value) in zip(row, list_of_tokens, strict=True):
            x, y = int(location) >> 4, int(location) & 15
            x, y = x / 10 * 2 - 1, y / 10 * 2 - 1
            expected = [*params["feature_embedding"][int(feature)]]
            for position in (x, y):
                for function in (math.cos, math.sin):
                    expected += [function(position * 2**octave) for octave in range(2)]
            expected.append(value)
            np.testing.assert_allclose(vector, 0 if feature == 255 else expected, **CLOSE)


def test_coordinate_tables() -> None:
    tokens = tokens_of()
    where, which, what = tokens[..., 0], tokens[..., 1], tokens[..., 2]
    out, params, _ = run("ObsAttrCoordEmbed", tokens, attr_embed_dim=4)
    expected = table(params, "feature", which) + table(params, "location", where)
    np.testing.assert_allclose(out, np.concatenate([expected, what[..., None]], -1), **CLOSE)
    out, params, _ = run("ObsAttrCoordValueEmbed", tokens, attr_embed_dim=4)
    expected = table(params, "feature", which) + table(params, "location", where) + table(params, "value", what)
    np.testing.assert_allclose(out, expected, **CLOSE)


def test_the_padding_row_has_no_gradient() -> None:
    kind = COMPONENTS["ObsAttrCoordEmbed"]
    facts = component_facts()
    component: Any = kind(component_name="x", facts=facts, source_shapes=((6, 3),), attr_embed_dim=4, parent=None)  # type: ignore[call-arg]
    params = {name: jnp.ones((256, 4)) for name in component.parameters()}
    context, tokens = make_context(OBSERVATION), tokens_of()
    gradient = jax.grad(lambda params: jnp.sum(component.apply({"params": params}, context, tokens)))(params)
    used = np.unique(OBSERVATION[..., 1])
    assert 255 in used
    rows = np.flatnonzero(np.abs(np.asarray(gradient["feature_embedding"])).sum(-1))
    assert rows.tolist() == used[used != 255].tolist()


def norm(x: np.ndarray, params: dict[str, np.ndarray], name: str) -> np.ndarray:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * params[f"{name}_scale"] + params[f"{name}_bias"]


def linear(x: np.ndarray, params: dict[str, np.ndarray], name: str) -> np.ndarray:
    return x @ params[f"{name}_kernel"] + params[f"{name}_bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int, padding: np.ndarray | None) -> np.ndarray:
    """One observation, head by head; [Q, v]."""
    parts = []
    for q, k, v in zip(*(np.split(x, heads, -1) for x in (query, key, value)), strict=True):
        scores = q @ k.T / math.sqrt(q.shape[-1])
        if padding is not None:
            scores[:, padding] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        parts.append(weights / weights.sum(-1, keepdims=True) @ v)
    return np.concatenate(parts, -1)


@pytest.mark.parametrize("use_mask", [False, True])
@pytest.mark.parametrize(("layers", "out_dim", "cls"), [(1, 8, False), (2, 5, True)])
def test_latent_attention(use_mask: bool, layers: int, out_dim: int, cls: bool) -> None:
    tokens = np.random.default_rng(0).normal(size=(4, 6, 7)).astype(np.float32)
    out, params, component = run(
        "ObsLatentAttn",
        tokens,
        out_dim=out_dim,
        use_mask=use_mask,
        num_query_tokens=3,
        query_token_dim=8,
        qk_dim=4,
        v_dim=8,
        num_heads=2,
        num_layers=layers,
        mlp_ratio=2.0,
        use_cls_token=cls,
    )
    assert component.shape() == ((out_dim,) if cls else (3, out_dim))
    for row in range(4):
        source = norm(tokens[row], params, "token_norm")
        key, value = source @ params["key_kernel"], source @ params["value_kernel"]
        padding = OBSERVATION[row, :, 0] == 255 if use_mask else None
        x = params["queries"]
        for layer in range(layers):
            query = norm(x, params, f"query_norm_{layer}") @ params[f"query_kernel_{layer}"]
            x = x + linear(attend(query, key, value, 2, padding), params, f"attended_{layer}")
            hidden = gelu(linear(norm(x, params, f"mlp_norm_{layer}"), params, f"mlp_up_{layer}"))
            x = x + linear(hidden, params, f"mlp_down_{layer}")
        x = norm(x, params, "out_norm")
        x = linear(x, params, "out") if out_dim != 8 else x
        np.testing.assert_allclose(out[row], x[0] if cls else x, rtol=1e-4, atol=1e-4)
    assert ("out_kernel" in params) == (out_dim != 8)


@pytest.mark.parametrize("use_mask", [False, True])
@pytest.mark.parametrize(("layers", "out_dim", "cls"), [(1, 8, False), (2, 5, True)])
def test_self_attention(use_mask: bool, layers: int, out_dim: int, cls: bool) -> None:
    tokens = np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32)
    options: dict[str, Any] = {"out_dim": out_dim, "use_mask": use_mask, "num_layers": layers, "use_cls_token": cls}
    out, params, _ = run("ObsSelfAttn", tokens, num_heads=2, **options)
    for row in range(4):
        x, padding = tokens[row], OBSERVATION[row, :, 0] == 255 if use_mask else None
        if cls:
            x = np.concatenate([params["class_token"], x])
            padding = None if padding is None else np.concatenate([[False], padding])
        for layer in range(layers):
            qkv = norm(x, params, f"norm_{layer}") @ params[f"qkv_kernel_{layer}"]
            x = x + linear(attend(*np.split(qkv, 3, -1), 2, padding), params, f"attended_{layer}")
        x = norm(x, params, "out_norm")
        x = linear(x, params, "out") if out_dim != 8 else x
        np.testing.assert_allclose(out[row], x[0] if cls else x, rtol=1e-4, atol=1e-4)


def test_masked_tokens_do_not_matter() -> None:
    tokens = np.random.default_rng(0).normal(size=(4, 6, 8)).astype(np.float32)
    changed = tokens + 3 * (OBSERVATION[..., :1] == 255)
    options: dict[str, Any] = {"out_dim": 8, "use_mask": True, "num_heads": 2}
    np.testing.assert_array_equal(
        run("ObsLatentAttn", tokens, **options)[0], run("ObsLatentAttn", changed, **options)[0]
    )


def test_an_empty_list_gives_numbers() -> None:
    empty = np.full((2, 6, 3), 255, np.uint8)
    out = run("ObsLatentAttn", np.ones((2, 6, 8), np.float32), observation=empty, out_dim=8, use_mask=True)[0]
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    ("kind", "options", "match"),
    [
        ("ObsLatentAttn", {"qk_dim": 6}, r"qk_dim \(6\) must be divisible by num_heads \(4\)"),
        ("ObsLatentAttn", {"v_dim": 6}, r"v_dim \(6\) must be divisible by num_heads \(4\)"),
        ("ObsLatentAttn", {"num_layers": 2, "v_dim": 4}, r"needs query_token_dim \(8\) equal to v_dim \(4\)"),
        ("ObsLatentAttn", {"mlp_ratio": 0.1}, "mlp_ratio: 0.1 leaves no hidden unit"),
        ("ObsSelfAttn", {"num_heads": 3}, r"feat_dim \(8\) must be divisible by num_heads \(3\)"),
        ("ObsSelfAttn", {"num_layers": 0}, "num_layers: 0 is less than 1"),
    ],
)
def test_bad_attention(kind: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        run(kind, np.ones((4, 6, 8), np.float32), **{"out_dim": 5, "num_heads": 4, **options})


def test_a_mask_needs_one_vector_per_token() -> None:
    with pytest.raises(ValueError, match="use_mask: the source has 5 vectors, the mask is for 6 tokens"):
        run("ObsSelfAttn", np.ones((4, 5, 8), np.float32), out_dim=8, use_mask=True)
