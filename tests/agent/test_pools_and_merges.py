"""Pools, merges and changes of axes against plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from metta_jax.agent.components import COMPONENTS
from tests.agent.facts import make_context, run_component

CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-6}


def normal(*shape: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(kind: str, *sources: np.ndarray, **options: Any) -> np.ndarray:
    return np.asarray(run_component(COMPONENTS[kind], *sources, **options)[0])


@pytest.mark.parametrize(("kind", "reduce"), [("MaxPool2d", np.max), ("AvgPool2d", np.mean)])
@pytest.mark.parametrize(("size", "stride", "padding"), [(2, None, 0), (3, 2, 0), ((2, 3), (1, 2), (1, 0))])
def test_pools_of_images(kind: str, reduce: Any, size: Any, stride: Any, padding: Any) -> None:
    x = normal(2, 5, 6, 3)
    out = run(kind, x, kernel_size=size, stride=stride, padding=padding)
    (height, width), (down, right), (top, left) = (
        (value, value) if isinstance(value, int) else value for value in (size, stride or size, padding)
    )
    filler = -np.inf if kind == "MaxPool2d" else 0.0
    padded = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=filler)
    for row in range(out.shape[1]):
        for column in range(out.shape[2]):
            window = padded[:, row * down : row * down + height, column * right : column * right + width]
            np.testing.assert_allclose(out[:, row, column], reduce(window, (1, 2)), **CLOSE)
    assert out.shape[1] == (5 + 2 * top - height) // down + 1


@pytest.mark.parametrize(("kind", "reduce"), [("MaxPool1d", np.max), ("AvgPool1d", np.mean)])
def test_pools_of_lists(kind: str, reduce: Any) -> None:
    x = normal(2, 3, 8)
    out = run(kind, x, kernel_size=3, stride=2)
    assert out.shape == (2, 3, 3)
    for index in range(3):
        np.testing.assert_allclose(out[..., index], reduce(x[..., 2 * index : 2 * index + 3], -1), **CLOSE)


@pytest.mark.parametrize(("mean", "reduce"), [("Avg", np.mean), ("Max", np.max)])
def test_adaptive_pools(mean: str, reduce: Any) -> None:
    x = normal(2, 5, 7, 3)
    out = run(f"Adaptive{mean}Pool2d", x, output_size=(2, 3))
    for row in range(2):
        for column in range(3):
            rows = slice(math.floor(row * 5 / 2), math.ceil((row + 1) * 5 / 2))
            columns = slice(math.floor(column * 7 / 3), math.ceil((column + 1) * 7 / 3))
            np.testing.assert_allclose(out[:, row, column], reduce(x[:, rows, columns], (1, 2)), **CLOSE)
    line = normal(2, 3, 7)
    out = run(f"Adaptive{mean}Pool1d", line, output_size=2)
    np.testing.assert_allclose(out[..., 0], reduce(line[..., :4], -1), **CLOSE)
    np.testing.assert_allclose(out[..., 1], reduce(line[..., 3:], -1), **CLOSE)


def test_bad_pools() -> None:
    with pytest.raises(ValueError, match="window 7 does not fit into"):
        run("MaxPool2d", normal(2, 5, 6, 3), kernel_size=7)
    with pytest.raises(ValueError, match="padding: 2 is not in 0..half of the window 3"):
        run("AvgPool2d", normal(2, 5, 6, 3), kernel_size=3, padding=2)
    with pytest.raises(ValueError, match="MaxPool1d needs a list of vectors"):
        run("MaxPool1d", normal(2, 5, 6, 3), kernel_size=3)


def whole(count: int) -> tuple[tuple[None, None], ...]:
    return ((None, None),) * count


def test_elementwise_merges() -> None:
    first, second, third = normal(2, 5), normal(2, 5, seed=8), normal(2, 5, seed=9)
    np.testing.assert_allclose(run("Add", first, second, third, slices=whole(3)), first + second + third, **CLOSE)
    np.testing.assert_allclose(run("Subtract", first, second, slices=whole(2)), first - second, **CLOSE)
    expected = (first + second + third) / 3
    np.testing.assert_allclose(run("Mean", first, second, third, slices=whole(3)), expected, **CLOSE)


def test_slices_cut_sources() -> None:
    first, second = normal(2, 5), normal(2, 9, seed=8)
    out = run("Add", first, second, slices=((None, (1, 4)), (1, (6, 9))))
    np.testing.assert_allclose(out, first[:, 1:4] + second[:, 6:9], **CLOSE)


@pytest.mark.parametrize(("dim", "axis"), [(1, 3), (2, 1), (3, 2)])
def test_axes_of_images_are_counted_channels_first(dim: int, axis: int) -> None:
    x = normal(2, 4, 5, 3)
    out = run("Concat", x, x, slices=((dim, (1, 3)), (dim, None)))
    np.testing.assert_array_equal(out, np.concatenate([np.take(x, [1, 2], axis), x], axis))


@pytest.mark.parametrize(
    ("kind", "shapes", "slices", "match"),
    [
        ("Add", [(5,), (6,)], whole(2), r"For 'add', all source sizes must match. Got sizes: \[\[5\], \[6\]\]"),
        ("Mean", [(5,), (6,)], whole(2), "For 'mean', all source sizes must match"),
        ("Subtract", [(5,), (6,)], whole(2), "For 'subtract', all source sizes must match"),
        ("Subtract", [(5,)] * 3, whole(3), r"Subtract merge_op requires exactly two sources\."),
        ("Concat", [(5, 2)] * 2, ((1, None), (2, None)), r"For 'concat', all sources must have the same 'dim'. Got"),
        ("Concat", [(5, 2), (5, 3)], whole(2), "differ in more than axis 1"),
        ("Add", [(5,)], ((2, None),), r"sources\[0\].dim: 2 is not in 1..1"),
        ("Add", [(5,)], ((1, (2, 6)),), r"sources\[0\].slice: \[2, 6\] is not a range within 0..5"),
        ("Add", [(5,)], ((1, (2, 2)),), r"sources\[0\].slice: \[2, 2\] is not a range"),
    ],
)
def test_bad_merges(kind: str, shapes: list[tuple[int, ...]], slices: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        run(kind, *(normal(2, *shape) for shape in shapes), slices=slices)


def test_expand() -> None:
    x = normal(2, 3)
    np.testing.assert_array_equal(run("Expand", x, expand_dim=1, expand_value=4), np.repeat(x[:, None], 4, 1))
    np.testing.assert_array_equal(run("Expand", x, expand_dim=2, expand_value=4), np.repeat(x[:, :, None], 4, 2))
    other = normal(2, 5, 6)
    out = run("Expand", x, other, expand_dim=1, source_dim=2, dims_source="other")
    np.testing.assert_array_equal(out, np.repeat(x[:, None], 6, 1))
    with pytest.raises(ValueError, match=r"Expand dim must be greater than 0\. 0 is the batch dimension\."):
        run("Expand", x, expand_dim=0, expand_value=4)
    with pytest.raises(ValueError, match="needs either expand_value or source_dim"):
        run("Expand", x, expand_dim=1)


def test_reshape_joins_neighbors() -> None:
    x = normal(2, 3, 4)
    np.testing.assert_array_equal(run("Reshape", x, popped_dim=2, squeezed_dim=1), x.reshape(2, 12))
    np.testing.assert_array_equal(run("Reshape", x, popped_dim=1, squeezed_dim=2), x.reshape(2, 12))


def test_reshape_of_images_counts_channels_first() -> None:
    x = normal(2, 4, 5, 3)
    channels_first = x.transpose(0, 3, 1, 2)
    out = run("Reshape", x, popped_dim=3, squeezed_dim=2)
    np.testing.assert_array_equal(out, channels_first.reshape(2, 3, 20))
    out = run("Reshape", x, popped_dim=1, squeezed_dim=3)
    np.testing.assert_array_equal(out, channels_first.transpose(0, 2, 1, 3).reshape(2, 4, 15))


def test_reshape_into_the_batch_and_back() -> None:
    x = normal(2, 3, 4)
    out, _, component = run_component(COMPONENTS["Reshape"], x, popped_dim=1, squeezed_dim=0)
    np.testing.assert_array_equal(out, x.reshape(6, 4))
    assert component.rows() == 3
    back = COMPONENTS["BatchReshape"](
        component_name="part", facts=component.facts, source_shapes=((4,),), source_rows=(3,), parent=None
    )
    assert back.shape() == (3, 4)
    assert back.rows() == 1
    context = make_context(np.full((2, 6, 3), 255, np.uint8))
    np.testing.assert_array_equal(back.apply({}, context, out), x)


def test_bad_reshape() -> None:
    with pytest.raises(ValueError, match=r"popped_dim: 3 is not in 0..2"):
        run("Reshape", normal(2, 3, 4), popped_dim=3, squeezed_dim=1)
    with pytest.raises(ValueError, match="popped_dim: 0 must be an axis other than 0"):
        run("Reshape", normal(2, 3, 4), popped_dim=0, squeezed_dim=1)


def test_center_pixel() -> None:
    x = normal(2, 5, 7, 3)
    np.testing.assert_array_equal(run("CenterPixel", x), x[:, 2, 3])
    with pytest.raises(ValueError, match="CenterPixel needs an image"):
        run("CenterPixel", normal(2, 3))
