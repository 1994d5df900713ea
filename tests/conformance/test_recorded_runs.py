"""The engine and the oracle against runs of the original."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from metta_jax.conformance import RecordedRun, compare, load_run, make_engine
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.mettagrid.original_order import original_orders
from tests.oracle.replay import make_oracle, oracle_rollout

RUNS = sorted(Path(__file__).parent.glob("*.npz"))

# Each run has its own shapes and compiles its own step: most are left to `make test-all`.
FAST = {"fuzz_0": ("wide", "narrow"), "stress_converters": ("narrow",), "stress_stat_rewards": ("wide",)}


@pytest.fixture(params=RUNS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest) -> RecordedRun:
    return load_run(request.param)


def test_there_are_runs() -> None:
    assert {path.stem for path in RUNS} >= set(FAST)


def test_the_oracle_makes_the_run(run: RecordedRun) -> None:
    assert compare(run, make_oracle, oracle_rollout) is None


@pytest.mark.parametrize(
    ("path", "engine_path"),
    [
        pytest.param(path, engine_path, marks=() if engine_path in FAST.get(path.stem, ()) else pytest.mark.slow)
        for path in RUNS
        for engine_path in ("wide", "narrow")
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_the_engine_makes_the_run(path: Path, engine_path: str) -> None:
    assert compare(load_run(path), partial(make_engine, engine_path=engine_path)) is None


def test_the_orders_follow_from_the_seed(run: RecordedRun) -> None:
    np.testing.assert_array_equal(original_orders(run.seed, run.num_agents, run.num_steps), run.orders)


def test_the_map_has_the_recorded_hash(run: RecordedRun) -> None:
    assert str(map_hash(run.rows)) == run.meta["initial_grid_hash"]
