"""Accelerators as a model sees them, and what a compiler must know of one to compile for it without having it."""

from __future__ import annotations

from dataclasses import dataclass

BANDWIDTH_SHARE, FLOPS_SHARE = 0.85, 0.5  # of the data sheet's figures that large kernels reach


@dataclass(frozen=True)
class Card:
    """Data-sheet figures: memory bandwidth in bytes/s, dense bfloat16 products in flop/s, memory in bytes."""

    name: str
    bandwidth: float
    flops: float
    memory: float


CARDS = (
    Card("H200", 4.8e12, 989e12, 141e9),
    Card("A100 80GB", 2.039e12, 312e12, 80e9),
    Card("RTX 4090", 1.008e12, 165e12, 24e9),
    Card("TPU v5e", 0.819e12, 197e12, 16e9),
)

# What XLA asks of a GPU before it compiles for one (its GpuTargetConfig), for an H200.
H200_TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 150000000000
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA H200"
"""
