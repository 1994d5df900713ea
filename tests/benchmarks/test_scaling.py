"""The plan on paper: collectives are read from a program's text, and priced by hand-made sums."""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from benchmarks.collectives import Collective, collectives
from benchmarks.hlo_text import parse
from benchmarks.scaling import LINKS, Counted, collective_s, fit, row
from metta_jax.parallel import ENVS, env_mesh

ARGS = argparse.Namespace(
    agents=2, horizon=10, minibatches=8, rate=100.0, kernels=10, launch=0.1, held_bytes=1000.0, envs_per_device=5
)


def test_collectives_of_a_program() -> None:
    """One gather, and a sum in each of three turns."""

    def on_device(x: jax.Array) -> jax.Array:
        every = jax.lax.all_gather(x, ENVS, tiled=True)
        return jax.lax.fori_loop(0, 3, lambda _, y: jnp.sin(jax.lax.psum(y, ENVS)), x) + every.sum()

    mesh, divided = env_mesh(2), PartitionSpec(ENVS)
    program = jax.jit(jax.shard_map(on_device, mesh=mesh, in_specs=divided, out_specs=divided, check_vma=False))
    text = program.lower(jax.ShapeDtypeStruct((16,), jnp.float32)).compile().as_text() or ""
    found = sorted(collectives(parse(text)), key=lambda one: one.kind)
    assert found == [Collective("all-gather", 64, 1, True), Collective("all-reduce", 32, 3, True)]


def test_what_grows_with_the_batch_and_what_does_not() -> None:
    small = Counted(2, 4, 2, {"all-reduce": (4, 400), "all-gather": (1, 7 * 2 * 4 * 2 * 16)}, 0)
    large = Counted(2, 8, 2, {"all-reduce": (4, 400), "all-gather": (1, 7 * 2 * 8 * 2 * 16)}, 0)
    growth = fit(small, large)
    assert (growth["all-reduce"].constant, growth["all-reduce"].each) == (400, 0)
    assert (growth["all-gather"].constant, growth["all-gather"].each) == (0, 7)
    one = row(ARGS, growth, 1, 5)
    assert one["agent_steps"] == 100
    assert one["compute_s"] == 1.0  # 100 at 100 a second, and no less than 10 launches of 0.1 s
    assert (one["efficiency"], one["held_bytes"]) == (1.0, 100_000)
    four = row(ARGS, growth, 4, 5)
    assert four["received_bytes"] == {"all-reduce": 800, "all-gather": 7 * 400}  # 8 minibatches instead of 4
    assert four["held_bytes"] == 100_000 + 7 * 400
    assert row(ARGS, growth, 1, 1)["compute_s"] == 1.0


def test_a_collective_is_as_slow_as_its_slowest_link() -> None:
    bandwidth, latency = LINKS["machine"]
    assert collective_s("all-gather", 1e9, 1, 1) == 0
    assert collective_s("all-gather", 1e9, 1, 2) == pytest.approx(0.5e9 / bandwidth + latency)
    assert collective_s("all-reduce", 1e9, 3, 2) == pytest.approx(1e9 / bandwidth + 6 * latency)
    assert collective_s("all-gather", 1e9, 1, 16) > 5 * collective_s("all-gather", 1e9, 1, 8)
