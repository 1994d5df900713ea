from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from metta_jax.monitor import device_facts
from metta_jax.monitor.device_facts import default_precision, device_memory, driver_version, product_precision

GPU = SimpleNamespace(
    platform="gpu",
    memory_stats=lambda: {"bytes_in_use": 5, "peak_bytes_in_use": 7, "bytes_limit": 100, "num_allocs": 3},
    client=SimpleNamespace(platform_version="PJRT C API\ncuda 12090"),
)


def test_memory() -> None:
    assert device_memory(GPU) == {"limit": 100, "in_use": 5, "peak": 7}
    assert device_memory(jax.devices("cpu")[0]) == {}


@pytest.mark.parametrize(
    ("platform", "precision", "words"),
    [
        ("gpu", None, "TF32"),
        ("gpu", "tensorfloat32", "TF32"),
        ("gpu", "highest", "float32"),
        ("tpu", None, "bfloat16 (7 bits"),
        ("tpu", "high", "three bfloat16"),
        ("tpu", "float32", "six bfloat16"),
        ("cpu", None, "float32"),
        ("cpu", "bfloat16", "float32"),
        ("abacus", None, "jax_default_matmul_precision=None"),
        ("gpu", "BF16_BF16_F32_X3", "jax_default_matmul_precision=BF16_BF16_F32_X3"),
    ],
)
def test_products(platform: str, precision: str | None, words: str) -> None:
    assert words in product_precision(platform, precision)


def test_every_named_precision_of_jax_is_known() -> None:
    for name in ("default", "high", "highest", "bfloat16", "tensorfloat32", "float32"):
        with jax.default_matmul_precision(name):
            assert default_precision() == name
            assert "jax_default" not in product_precision("gpu", name)


def test_drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 2\n", encoding="utf-8")
    monkeypatch.setattr(device_facts, "NVIDIA_VERSION", version)
    assert driver_version(GPU) == "NVIDIA driver 570.86.15, PJRT C API cuda 12090"
    monkeypatch.setattr(device_facts, "NVIDIA_VERSION", tmp_path / "none")
    assert driver_version(GPU) == "PJRT C API cuda 12090"
    assert driver_version(jax.devices("cpu")[0]) is None
