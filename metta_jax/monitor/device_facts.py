"""Facts about a device: its memory, its driver, and the precision of its matrix products."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax

NVIDIA_VERSION = Path("/proc/driver/nvidia/version")

# The values of `jax_default_matmul_precision`, by the level of `jax.lax.Precision` that they mean.
_LEVELS = {
    **dict.fromkeys((None, "default", "fastest", "bfloat16"), "default"),
    **dict.fromkeys(("high", "bfloat16_3x", "tensorfloat32"), "high"),
    **dict.fromkeys(("highest", "float32"), "highest"),
}
_PRODUCTS = {
    "gpu": {
        "default": "TF32 (10 bits of fraction, where the GPU has it)",
        "high": "TF32 (10 bits of fraction, where the GPU has it)",
        "highest": "float32 (23 bits of fraction)",
    },
    "tpu": {
        "default": "bfloat16 (7 bits of fraction)",
        "high": "three bfloat16 products",
        "highest": "six bfloat16 products, nearly float32",
    },
    "cpu": dict.fromkeys(("default", "high", "highest"), "float32 (23 bits of fraction)"),
}


def device_memory(device: Any) -> dict[str, int]:
    """Bytes by name: "limit", what JAX may use; "in_use"; "peak", the most in use since the program started.

    Only what the device reports; CPUs report nothing, which gives {}.
    """
    report = device.memory_stats() or {}
    names = {"limit": "bytes_limit", "in_use": "bytes_in_use", "peak": "peak_bytes_in_use"}
    return {name: int(report[key]) for name, key in names.items() if report.get(key) is not None}


def product_precision(platform: str, precision: str | None = None) -> str:
    """How "cpu", "gpu" or "tpu" multiplies float32 matrices, given the value of `jax_default_matmul_precision`.

    See `jax.lax.Precision`. Sums, parameters and everything stored are float32 everywhere.
    """
    kinds = _PRODUCTS.get(platform, {})
    return kinds.get(_LEVELS.get(precision, ""), f"as jax_default_matmul_precision={precision} says")


def driver_version(device: Any) -> str | None:
    """Driver and runtime versions of an accelerator, as far as known; None on a CPU."""
    if device.platform == "cpu":
        return None
    runtime = " ".join(str(getattr(device.client, "platform_version", "")).split())
    return ", ".join(part for part in (_nvidia_driver(), runtime) if part) or None


def _nvidia_driver() -> str | None:
    try:
        text = NVIDIA_VERSION.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", text)
    return f"NVIDIA driver {found[1]}" if found else None


def default_precision() -> str | None:
    """The value of `jax_default_matmul_precision`."""
    return jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
