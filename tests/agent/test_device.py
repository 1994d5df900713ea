"""Names of devices, and where arrays are."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from metta_jax.agent import device as device_module
from metta_jax.agent.device import default_device, device_name, device_of, find_device


def test_names() -> None:
    first, second = jax.devices()
    assert find_device(None) is None
    assert find_device(second) is second
    assert find_device("cpu") is find_device("cpu:0") is find_device(" CPU ") is first
    assert find_device("cpu:1") is find_device("abacus, cpu:1") is find_device("cpu:9,cpu:1") is second
    assert [device_name(device) for device in (first, second)] == ["cpu:0", "cpu:1"]
    assert find_device(device_name(second)) is second


@pytest.mark.parametrize("name", ["cpu:-1", "cpu:-2", "cpu:2", "cpu:", "cpu:one", "cpu:1:1", "", ",", ":0", "1", 1])
def test_what_is_no_device(name: object) -> None:
    """-1 would count from the end, and nothing at all would be JAX's default."""
    with pytest.raises(ValueError, match=f"^device: {name!r} is not available; JAX sees cpu:0, cpu:1"):
        find_device(name)


@pytest.mark.parametrize(
    ("name", "extra"),
    [("cuda", "cuda12"), ("cuda:1", "cuda12"), ("gpu", "cuda12"), ("tpu", "tpu"), ("tpu:0,cuda", "tpu")],
)
def test_what_to_install(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_is_installed", lambda module: False)
    with pytest.raises(ValueError, match="is not available") as error:
        find_device(name)
    assert f'pip install "metta-jax[{extra}]"' in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plugin_that_finds_no_device_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(platform: str) -> None:
        raise RuntimeError(f"Backend '{platform}' failed to initialize: no driver.\nMore lines.")

    monkeypatch.setattr(device_module, "_is_installed", lambda module: True)
    monkeypatch.setattr(device_module, "_devices", fail)
    monkeypatch.setattr(device_module, "_allowed_platforms", lambda: "cuda,cpu")
    with pytest.raises(ValueError, match="Backend 'cuda' failed to initialize: no driver.") as error:
        find_device("cuda")
    assert "pip install" not in str(error.value)
    assert "More lines" not in str(error.value)
    with pytest.raises(ValueError, match="Backend 'gpu' failed to initialize: no driver."):
        find_device("gpu")
    monkeypatch.setattr(device_module, "_allowed_platforms", lambda: "cpu")
    with pytest.raises(ValueError, match="JAX_PLATFORMS=cpu leaves it out"):
        find_device("cuda")


def test_where_arrays_are() -> None:
    first, second = jax.devices()
    here, there = jax.device_put(jnp.ones(2), first), jax.device_put(jnp.ones(2), second)
    assert device_of({"a": jnp.ones(2), "key": jax.random.key(0), "number": 1}) is None
    assert device_of({"a": jnp.ones(2), "b": there}) is second
    assert device_of(jax.device_put(jax.random.key(0), second)) is second
    assert device_of((here, there)) is None
    assert jax.eval_shape(lambda x: jnp.full((), device_of(x) is None), there).dtype == bool
    assert default_device() is first
    with jax.default_device(second):
        assert default_device() is second
