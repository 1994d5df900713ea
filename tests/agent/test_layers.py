"""Layers against their formulas in NumPy."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.agent.activations import ACTIVATIONS, find_activation
from metta_jax.agent.components import COMPONENTS
from tests.agent.facts import make_context, run_component

CLOSE: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


def normal(*shape: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(kind: str, *sources: np.ndarray, **options: Any) -> Any:
    return run_component(COMPONENTS[kind], *sources, **options)


def layer_norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 5)])
def test_linear(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    out, params, _ = run("Linear", x, out_features=6)
    np.testing.assert_allclose(out, np.maximum(x @ params["kernel"] + params["bias"], 0), **CLOSE)
    out, params, _ = run("Linear", x, out_features=6, nonlinearity=None)
    np.testing.assert_allclose(out, x @ params["kernel"] + params["bias"], **CLOSE)


def test_conv2d_adds_its_bias_and_activates() -> None:
    x = normal(2, 3, 3, 2)
    out, params, _ = run("Conv2d", x, out_channels=4, kernel_size=3, nonlinearity="nn.Tanh")
    expected = np.tanh(np.einsum("nhwc,hwco->no", x, params["kernel"]) + params["bias"])
    np.testing.assert_allclose(out[:, 0, 0], expected, **CLOSE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nn.ReLU", lambda x: np.maximum(x, 0)),
        ("nn.Tanh", np.tanh),
        ("nn.Sigmoid", sigmoid),
        ("nn.SiLU", lambda x: x * sigmoid(x)),
        ("nn.LeakyReLU", lambda x: np.where(x > 0, x, 0.01 * x)),
        ("nn.ELU", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("nn.Mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
        ("nn.Softplus", lambda x: np.log1p(np.exp(x))),
        (None, lambda x: x),
    ],
)
def test_activations(name: str | None, expected: Any) -> None:
    x: Any = np.linspace(-3, 3, 13).astype(np.float32)
    np.testing.assert_allclose(find_activation(name)(x), expected(x), **CLOSE)


def test_every_activation_keeps_the_dtype() -> None:
    x = jax.numpy.ones(3, jax.numpy.bfloat16)
    assert {jax.eval_shape(activation, x).dtype for activation in ACTIVATIONS.values()} == {x.dtype}


def test_plain_layers() -> None:
    x = normal(3, 2, 4, 5)
    np.testing.assert_array_equal(run("Flatten", x)[0], x.reshape(3, 40))
    np.testing.assert_array_equal(run("Identity", x)[0], x)
    np.testing.assert_array_equal(run("ReLU", x)[0], np.maximum(x, 0))


def test_layer_norm() -> None:
    x = normal(3, 4, 5)
    out, params, _ = run("LayerNorm", x)
    np.testing.assert_allclose(out, layer_norm(x) * params["scale"] + params["bias"], **CLOSE)


@pytest.mark.parametrize(("kind", "shape"), [("BatchNorm1d", (6, 5)), ("BatchNorm2d", (6, 2, 3, 5))])
def test_batch_norm(kind: str, shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    out, params, _ = run(kind, x)
    rows = x.reshape(-1, 5)
    expected = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5) * params["scale"] + params["bias"]
    np.testing.assert_allclose(out.reshape(-1, 5), expected, **CLOSE)


@pytest.mark.parametrize(("kind", "shape"), [("BatchNorm1d", (1, 5)), ("BatchNorm2d", (1, 2, 3, 5))])
def test_batch_norm_of_one_row_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    """Its mean is itself, so every vector would become 0 and the policy answer the same for all observations."""
    with pytest.raises(ValueError, match=rf"components.part: {kind} normalizes over the rows of a call.*LayerNorm"):
        run(kind, normal(*shape))


def test_batch_norm_needs_its_rank() -> None:
    with pytest.raises(ValueError, match="BatchNorm2d needs an image"):
        run("BatchNorm2d", normal(6, 5))


def test_dropout() -> None:
    x = np.ones((50, 40), np.float32)
    np.testing.assert_array_equal(run("Dropout", x, p=0.25)[0], x)
    context = make_context(np.full((50, 6, 3), 255, np.uint8), dropout_key=jax.random.key(0))
    out = np.asarray(run("Dropout", x, p=0.25, context=context)[0])
    assert set(np.unique(out).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert (out == 0).mean() == pytest.approx(0.25, abs=0.04)  # four standard errors
    with pytest.raises(ValueError, match=r"components.part.p: 1.0 is not in 0..1"):
        run("Dropout", x, p=1.0)


def test_bilinear() -> None:
    first, second = normal(3, 4), normal(3, 5, seed=8)
    out, params, _ = run("Bilinear", first, second, out_features=6)
    expected = np.einsum("ni,ijo,nj->no", first, params["kernel"], second) + params["bias"]
    np.testing.assert_allclose(out, expected, **CLOSE)
    with pytest.raises(ValueError, match="needs two vectors"):
        run("Bilinear", first, normal(3, 4, 5), out_features=6)


def test_res_net_mlp() -> None:
    x = normal(3, 5)
    out, params, _ = run("ResNetMLP", x, depth=8)
    expected = x
    for block in (0, 4):
        y = expected
        for index in range(block, block + 4):
            y = layer_norm(y @ params[f"kernel_{index}"] + params[f"bias_{index}"])
            y = y * params[f"norm_scale_{index}"] + params[f"norm_bias_{index}"]
            y = y * sigmoid(params[f"beta_{index}"] * y)
        expected = expected + y
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"Depth must be a multiple of 4\."):
        run("ResNetMLP", x, depth=6)


def test_embedding_picks_rows() -> None:
    ids = np.asarray([[0, 2], [1, 1]], np.int32)
    out, params, _ = run("Embedding", ids, num_embeddings=3, embedding_dim=4)
    np.testing.assert_array_equal(out, params["embedding"][ids])


def test_action_embedding_picks_the_rows_of_the_environment() -> None:
    kind = COMPONENTS["ActionEmbedding"]
    component = kind(component_name="part", facts=None, parent=None)  # type: ignore[arg-type]
    table = normal(100, 16)
    context = make_context(np.full((2, 6, 3), 255, np.uint8))
    out = component.apply({"params": {"embedding": table}}, context)
    np.testing.assert_array_equal(out, table[[2, 5, 1]])


def test_single_head() -> None:
    hidden, embeddings = normal(4, 6), normal(3, 5, seed=8)
    out, params, _ = run("MettaActorSingleHead", hidden, embeddings, shapes=((6,), (3, 5)))
    expected = np.tanh(hidden @ params["kernel"]) @ embeddings.T + params["bias"]
    np.testing.assert_allclose(out, expected, **CLOSE)


def test_big_head() -> None:
    hidden, embeddings = normal(4, 6), normal(3, 5, seed=8)
    options = {"mlp_hidden_dim": 7, "bilinear_output_dim": 2}
    out, params, _ = run("MettaActorBig", hidden, embeddings, shapes=((6,), (3, 5)), **options)
    for state in range(4):
        for action in range(3):
            queries = np.tanh(hidden[state] @ params["kernel"]).reshape(2, 5)
            scores = np.maximum(queries @ embeddings[action] + params["bias"], 0)
            x = np.maximum(scores @ params["mlp_kernel"] + params["mlp_bias"], 0)
            expected = x @ params["out_kernel"] + params["out_bias"]
            np.testing.assert_allclose(out[state, action], expected[0], **CLOSE)


def test_heads_need_their_sources() -> None:
    with pytest.raises(ValueError, match=r"needs the sources \(hidden vector, action embeddings\)"):
        run("MettaActorSingleHead", normal(4, 6), normal(2, 5), shapes=((6,), (2, 5)))
