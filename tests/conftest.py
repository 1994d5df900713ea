"""Settings that every test runs under; set before JAX starts its backend."""

from __future__ import annotations

import os
from pathlib import Path

# On a busy machine the threads of OpenBLAS wait for each other: initializing a network then takes 16 seconds, not 0.1.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax

_ROOT = Path(__file__).resolve().parent.parent

# Mixing dtypes or ranks is how silent recompilations and wrong broadcasts begin.
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Two CPU devices, so that sharded code can be tested anywhere. Arrays go to the first one unless a test says otherwise.
jax.config.update("jax_num_cpu_devices", 2)

# Compiled functions survive the process: the second run of the suite compiles next to nothing.
jax.config.update("jax_compilation_cache_dir", str(_ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
