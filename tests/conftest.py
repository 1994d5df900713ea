"""Settings that every test runs under; set before JAX starts its backend."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

# On a busy machine the threads of OpenBLAS wait for each other: initializing a network then takes 16 seconds, not 0.1.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest

_ROOT = Path(__file__).resolve().parent.parent

# Mixing dtypes or ranks is how silent recompilations and wrong broadcasts begin.
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Programs in the background of a shell ignore Control-C, and so would those that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Two CPU devices, so that sharded code can be tested anywhere. Arrays go to the first one unless a test says otherwise.
jax.config.update("jax_num_cpu_devices", 2)

# Compiled functions survive the process: the second run of the suite compiles next to nothing.
jax.config.update("jax_compilation_cache_dir", str(_ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

# Every compiled program has some two hundred memory maps, and Linux ends a process that has 65,530 of them.
_MOST_MAPS = 20_000

# Killing and resuming a run 40 times takes minutes.
_SLOW_TIMEOUT_S = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A slow test has an hour before it counts as hung."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(_SLOW_TIMEOUT_S))


@pytest.fixture(autouse=True, scope="module")
def _few_programs() -> Iterator[None]:
    """What a file compiled is forgotten after it when the process has many programs; the cache on disk keeps them."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_text().count("\n") > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()
