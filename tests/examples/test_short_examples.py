"""Every short example runs, small, and shows what it is there to show."""

from __future__ import annotations

import ast
import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = {"num_envs": 2, "horizon": 8, "num_updates": 2}

TESTED = {
    "bare_engine",
    "curriculum",
    "evaluation",
    "flax_policy",
    "kickstart",
    "notebook",
    "own_parts",
    "own_world",
    "population",
    "ppo",
    "run",  # in test_run.py
    "seeds",
    "written_out_loop",
}


def _example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TESTED


def test_examples_are_short() -> None:
    longest = {"run": 300, "ppo": 300, "population": 100}
    for path in EXAMPLES.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= longest.get(path.stem, 80), path.name
        assert lines[0].startswith(('"""', "#")), path.name


def test_own_parts_take_less_than_20_lines() -> None:
    tree = ast.parse((EXAMPLES / "own_parts.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in ("calm_loss", "monte_carlo", "shuffled"):
        assert (functions[name].end_lineno or 0) - functions[name].lineno < 20


def test_bare_engine() -> None:
    assert _example("bare_engine")["main"](num_envs=2, num_steps=3) > 0


@pytest.mark.slow
def test_own_world(capsys: pytest.CaptureFixture[str]) -> None:
    picture = _example("own_world")["main"](num_steps=2)
    printed = capsys.readouterr().out
    assert "11 x 5 cells" in printed
    assert "attack" not in printed
    assert picture.strip()


@pytest.mark.slow
def test_ppo() -> None:
    example = _example("ppo")
    config = example["Config"](num_envs=2, horizon=4, num_minibatches=2, num_epochs=1)
    with jax.numpy_dtype_promotion("standard"):  # optax.adam mixes dtypes
        rewards = example["main"](num_updates=2, config=config)
    assert len(rewards) == 2
    assert all(map(math.isfinite, rewards))


def test_ppo_advantages_against_sums_by_hand() -> None:
    example = _example("ppo")
    config = example["Config"](gamma=0.9, gae_lambda=0.8)
    rng = np.random.default_rng(0)
    reward, value = rng.normal(size=(2, 5, 3)).astype(np.float32)
    done = rng.random((5, 3)) < 0.3
    last = rng.normal(size=3).astype(np.float32)
    batch = example["Rollout"](None, None, None, value, reward, done)
    following = np.concatenate([value[1:], last[None]])
    expected = np.zeros((6, 3))
    for t in reversed(range(5)):
        running = ~done[t]
        delta = reward[t] + 0.9 * following[t] * running - value[t]
        expected[t] = delta + 0.9 * 0.8 * running * expected[t + 1]
    np.testing.assert_allclose(np.asarray(example["gae"](config, batch, last)), expected[:5], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_written_out_loop() -> None:
    assert math.isfinite(_example("written_out_loop")["main"](**SMALL))


@pytest.mark.slow
def test_curriculum() -> None:
    stats = _example("curriculum")["main"](**SMALL)
    probabilities = [stats[f"curriculum_task_probs/{name}"] for name in ("small", "middle", "large")]
    assert math.isclose(sum(probabilities), 1.0, rel_tol=1e-5)


@pytest.mark.slow
def test_kickstart(tmp_path: Path) -> None:
    first, last = _example("kickstart")["main"](directory=str(tmp_path), **SMALL)
    assert first > 0
    assert math.isfinite(last)


@pytest.mark.slow
def test_flax_policy() -> None:
    assert math.isfinite(_example("flax_policy")["main"](**SMALL))


@pytest.mark.slow
def test_own_parts() -> None:
    assert math.isfinite(_example("own_parts")["main"](**SMALL))


@pytest.mark.slow
def test_seeds() -> None:
    rewards = _example("seeds")["main"](num_runs=2, **SMALL)
    assert rewards.shape == (2,)


@pytest.mark.slow
def test_population() -> None:
    results = _example("population")["main"](size=4, num_envs=2, horizon=8, num_updates=4, interval=2)
    assert results.rewards.shape == (4, 4)
    rates = [one["learning_rate"] for one in results.settings]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)


def test_the_worst_quarter_of_a_population_learns_from_the_best() -> None:
    example = _example("population")
    numbers = SimpleNamespace(learning_rate=np.full(8, 1e-3), ent_coef=np.full(8, 1e-2))
    numbers.replace = lambda **changed: SimpleNamespace(**changed)
    order = [3, 1, 0, 2, 4, 6, 5, 7]
    changed, sources = example["evolve"](numbers, order, np.random.default_rng(0))
    assert {sources[loser] for loser in order[-2:]} <= {3, 1}
    assert [sources[i] for i in order[:-2]] == order[:-2]
    moved = np.asarray(changed.learning_rate) != np.float32(1e-3)
    assert list(np.flatnonzero(moved)) == sorted(order[-2:])


@pytest.mark.slow
def test_evaluation(tmp_path: Path) -> None:
    scores = _example("evaluation")["main"](directory=str(tmp_path), num_episodes=1, max_steps=5)
    assert set(scores) == {"room/score", "room/default", "room/forage", "room/crowd"}
    assert (tmp_path / "episode.html").stat().st_size > 1000


@pytest.mark.slow
def test_notebook() -> None:
    names = _example("notebook")
    assert {"mean_reward_sum", "mean_reward_per_agent", "mean_length"} <= set(names["scores"])
