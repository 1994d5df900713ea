"""The formulas of curricula against numbers worked out by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.curriculum.learning_progress import LearningProgressRule, progress_distribution, reweighted
from metta_jax.curriculum.prioritize_regressed import PrioritizeRegressedRule
from metta_jax.curriculum.progressive import BlendRule, GrowingRule, blend_gates
from metta_jax.curriculum.rule import FixedWeights, probabilities

KEY = jax.random.key(0)


@cache
def learn_fn(rule: Any) -> Any:
    return jax.jit(rule.learn)


def learn(rule: Any, state: Any, *episodes: tuple[int, float]) -> Any:
    for child, score in episodes:
        state = learn_fn(rule)(state, jnp.int32(child), jnp.float32(score))
    return state


def test_probabilities_are_weights_over_their_sum_or_uniform() -> None:
    np.testing.assert_allclose(probabilities(jnp.asarray([1.0, 3.0, 0.0])), [0.25, 0.75, 0.0])
    np.testing.assert_allclose(probabilities(jnp.zeros((4,))), [0.25] * 4)


def test_fixed_weights_learn_nothing() -> None:
    rule = FixedWeights((2.0, 6.0))
    assert learn(rule, rule.init(KEY), (0, 1.0)) == ()
    np.testing.assert_allclose(rule.weights(()), [2.0, 6.0])


def test_prioritize_regressed() -> None:
    rule = PrioritizeRegressedRule((1.0, 2.0), decay_rate=0.1)
    state = rule.init(KEY)
    np.testing.assert_allclose(rule.weights(state), [1 / 3, 2 / 3], rtol=1e-6)
    # avg 0.08, max 0.8: about 1 / 0.1. The other one has avg 0, max 0.
    state = learn(rule, state, (0, 0.8))
    np.testing.assert_allclose(state.weight, [1e-6 + 0.8 / (0.08 + 1e-6), 1e-6], rtol=1e-5)
    # avg 0.9 * 0.08 + 0.1 * 0.2 = 0.092.
    state = learn(rule, state, (0, 0.2), (1, 0.5))
    np.testing.assert_allclose(state.average, [0.092, 0.05], rtol=1e-6)
    np.testing.assert_allclose(state.best, [0.8, 0.5], rtol=1e-6)
    np.testing.assert_allclose(state.weight, [0.8 / 0.092, 10.0], rtol=1e-4)
    # A quarter is drawn with the first weights; the original's rule does without.
    share = 10.0 / (0.8 / 0.092 + 10.0)
    np.testing.assert_allclose(rule.weights(state), [0.75 * (1 - share) + 0.25 / 3, 0.75 * share + 0.5 / 3], rtol=1e-4)
    original = PrioritizeRegressedRule((1.0, 2.0), decay_rate=0.1, explore=0.0)
    np.testing.assert_array_equal(original.weights(state), state.weight)


def test_prioritize_regressed_never_has_a_negative_weight() -> None:
    rule = PrioritizeRegressedRule((1.0, 1.0), decay_rate=0.5, explore=0.0)
    state = learn(rule, rule.init(KEY), (0, 1.0), (0, -9.0), (1, 0.5))
    assert float(state.average[0]) < 0
    np.testing.assert_allclose(state.weight[0], 1e-6)
    np.testing.assert_allclose(probabilities(rule.weights(state)), [0.0, 1.0], atol=1e-5)


def test_reweighting() -> None:
    # 0.2 * 0.95 / (0.2 + 0.05 * 0.6)
    np.testing.assert_allclose(reweighted(jnp.asarray([0.0, 0.2, 1.0]), 0.05), [0.0, 0.19 / 0.23, 1.0], rtol=1e-6)
    np.testing.assert_allclose(reweighted(jnp.asarray([0.0]), 0.0), [0.0])  # a denominator of 0 counts as 1


def test_distribution_over_those_with_progress_or_success() -> None:
    fast, slow = jnp.asarray([0.2, 0.5, 0.0, 0.0]), jnp.asarray([0.0, 0.5, 0.0, 0.0])
    true = jnp.asarray([0.3, 0.5, 0.1, 0.0])
    # Progress 0.19/0.23, 0, 0 and, without any success, out: mean p/3, deviations 2p/3, -p/3, -p/3, so z = sqrt 2,
    # -sqrt 1/2, -sqrt 1/2.
    z = np.asarray([np.sqrt(2.0), -np.sqrt(0.5), -np.sqrt(0.5)])
    s = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(progress_distribution(fast, slow, true, 0.05), [*(s / s.sum()), 0.0], rtol=1e-5)


def test_distribution_without_any_success_is_uniform() -> None:
    zeros = jnp.zeros((5,))
    np.testing.assert_allclose(progress_distribution(zeros, zeros, zeros, 0.05), [0.2] * 5)


def test_learning_progress_by_hand() -> None:
    rule = LearningProgressRule(
        (1.0, 1.0, 2.0), ema_timescale=0.5, num_active_tasks=64, rand_task_rate=1.0, sample_threshold=2, memory=3
    )
    state = rule.init(KEY)
    np.testing.assert_allclose(probabilities(rule.weights(state)), [0.25, 0.25, 0.5])

    # The first completion is the first computation: baseline = rates, norm = 0, true = rates; only task 0 had success.
    state = learn(rule, state, (0, 0.5))
    assert bool(state.computed)
    np.testing.assert_allclose(state.baseline, [0.5, 0.0, 0.0])
    np.testing.assert_allclose([state.fast, state.slow], np.zeros((2, 3)))
    np.testing.assert_allclose(state.true_rate, [0.5, 0.0, 0.0])
    np.testing.assert_allclose(state.distribution, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(rule.weights(state), [1 / 3] * 3, rtol=1e-6)  # all draws explore here
    assert int(state.num_nan) == 2
    np.testing.assert_array_equal(state.active, [True] * 3)  # 64 uniform draws

    # One new outcome each: below the threshold of two.
    state = learn(rule, state, (0, 0.9), (1, 4.0), (2, -1.0))
    np.testing.assert_allclose(state.distribution, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(state.num_new, [1, 1, 1])
    np.testing.assert_array_equal(state.num_outcomes, [2, 1, 1])
    # The second of task 0 makes it due. Rates (0.5 + 0.9 + 1) / 3 = 0.8, 1 (clipped), 0 (clipped).
    state = learn(rule, state, (0, 1.0))
    np.testing.assert_allclose(state.success_rate, [0.8, 1.0, 0.0], rtol=1e-6)
    fast = np.asarray([0.5 * (0.8 - 0.5) / 0.5, 0.5 * 1.0, 0.0])
    np.testing.assert_allclose(state.fast, fast, rtol=1e-6)
    np.testing.assert_allclose(state.slow, fast / 2, rtol=1e-6)
    np.testing.assert_allclose(state.true_rate, [0.65, 0.5, 0.0], rtol=1e-6)

    def rw(p: np.ndarray) -> np.ndarray:
        return p * 0.95 / (p + 0.05 * (1 - 2 * p))

    progress = (rw(fast) - rw(fast / 2))[:2]
    z = (progress - progress.mean()) / progress.std()
    s = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(state.distribution, [*(s / s.sum()), 0.0], rtol=1e-5)
    np.testing.assert_array_equal(state.num_new, [0, 0, 0])
    np.testing.assert_allclose(state.mean_evals, 5 / 3, rtol=1e-6)

    stats = rule.stats(state)
    assert {name: round(float(value), 4) for name, value in stats.items()} == {
        "lp/num_active_tasks": 3,
        "lp/mean_sample_prob": 0.3333,
        "lp/num_zeros_lp_dist": 1,
        "lp/task_1_success_rate": 0.8,
        "lp/last_task_success_rate": 0.0,
        "lp/task_success_rate": 0.6,
        "lp/mean_evals_per_task": 1.6667,
        "lp/num_nan_tasks": 0,
    }


@pytest.mark.parametrize(("count", "middle"), [(1, {"lp/task_0_success_rate"}), (2, set()), (3, set())])
def test_the_first_rate_keeps_its_name_where_the_middle_one_would_take_it(count: int, middle: set[str]) -> None:
    rule = LearningProgressRule((1.0,) * count)
    state = rule.init(KEY).replace(success_rate=jnp.arange(1, count + 1, dtype=jnp.float32) / 8)
    stats = rule.stats(state)
    assert {name for name in stats if name.startswith("lp/task_")} == {
        "lp/task_1_success_rate",
        "lp/task_success_rate",
        *middle,
    }
    assert float(stats["lp/task_1_success_rate"]) == 1 / 8
    five = LearningProgressRule((1.0,) * 5)
    stats = five.stats(five.init(KEY).replace(success_rate=jnp.arange(5, dtype=jnp.float32) / 8))
    assert float(stats["lp/task_2_success_rate"]) == 2 / 8


def test_outcomes_are_trimmed_when_the_distribution_is_computed_only() -> None:
    rule = LearningProgressRule((1.0, 1.0), sample_threshold=5, memory=2, num_active_tasks=64, rand_task_rate=1.0)
    state = learn(rule, rule.init(KEY), (0, 0.0), *[(0, 1.0)] * 3, (1, 1.0))
    np.testing.assert_array_equal(state.num_outcomes, [4, 1])  # more than the memory, until they are used
    state = learn(rule, state, (0, 0.5), (0, 0.25))
    np.testing.assert_allclose(state.success_rate, [3.75 / 6, 1.0])
    np.testing.assert_array_equal(state.num_outcomes, [2, 1])
    np.testing.assert_allclose(state.outcome_sum, [0.75, 1.0])


def test_inactive_tasks_are_not_counted_and_keep_their_averages() -> None:
    rule = LearningProgressRule((1.0, 1.0), sample_threshold=2, ema_timescale=0.5)
    state = learn(rule, rule.init(KEY), (0, 0.5))
    state = state.replace(active=jnp.asarray([True, False]))
    state = learn(rule, state, *[(1, 1.0)] * 9)
    np.testing.assert_array_equal(state.num_new, [0, 0])
    state = learn(rule, state, (0, 1.0), (0, 1.0))
    assert float(state.fast[0]) > 0
    np.testing.assert_allclose(state.true_rate[1], 0.0)  # although all its outcomes are 1
    np.testing.assert_allclose(state.success_rate[1], 1.0)


def test_learning_progress_moves_to_the_task_that_is_being_learned() -> None:
    """Task 0 is hopeless, task 1 mastered from the start, task 2 gets better: it has all the progress."""
    rule = LearningProgressRule((1.0, 1.0, 1.0), ema_timescale=0.1, num_active_tasks=64, rand_task_rate=0.5)
    state = rule.init(KEY)
    for step in range(60):
        state = learn(rule, state, (0, 0.0), (1, 0.75), (2, step / 60))
    mass = np.asarray(state.distribution)
    assert mass[0] == 0.0
    assert mass[2] > 2 * mass[1] > 0
    assert np.all(np.asarray(rule.weights(state)) >= 0.5 / 3)  # and none is lost


def test_two_tasks_one_of_which_is_learned() -> None:
    """Without success and without progress a task gets 0, so the other one has all: by the formula, for any scores."""
    rule = LearningProgressRule((1.0, 1.0), explore_in_sampling=False)
    state = rule.init(KEY)
    np.testing.assert_allclose(probabilities(rule.weights(state)), [0.5, 0.5])
    state = learn(rule, state, (0, 0.0))
    np.testing.assert_allclose(rule.weights(state), [0.5, 0.5])
    state = learn(rule, state, *[(1, min(i / 10, 1.0)) for i in range(60)])
    np.testing.assert_allclose(rule.weights(state), [0.0, 1.0])


def test_a_room_grows_with_scores_above_one_half() -> None:
    rule = GrowingRule(3)
    state = learn(rule, rule.init(KEY), (0, 0.5))
    np.testing.assert_allclose(rule.weights(state), [1.0, 0.0, 0.0])
    state = learn(rule, state, (0, 0.51))
    np.testing.assert_allclose(rule.weights(state), [0.0, 1.0, 0.0])
    state = learn(rule, state, *[(1, 1.0)] * 5)
    np.testing.assert_allclose(rule.weights(state), [0.0, 0.0, 1.0])


def test_blend_progresses_with_good_scores() -> None:
    rule = BlendRule(3, performance_threshold=0.8, smoothing=0.5, progression_rate=0.4)
    state = learn(rule, rule.init(KEY), (0, 0.9))  # the first score is the performance
    np.testing.assert_allclose([state.performance, state.progress], [0.9, 0.4], rtol=1e-6)
    state = learn(rule, state, (0, 0.5))  # 0.7: not good enough
    np.testing.assert_allclose([state.performance, state.progress], [0.7, 0.4], rtol=1e-6)
    state = learn(rule, state, (0, 1.0))  # p = 0.8: the second task is the nearest, so this one's turn is over
    np.testing.assert_allclose([state.performance, state.progress], [0.85, 0.4], rtol=1e-6)
    state = learn(rule, state, (1, 1.0), (2, 1.0))  # p = 1.6: the third one's
    np.testing.assert_allclose([state.performance, state.progress], [0.9625, 1.0], rtol=1e-6)
    assert set(rule.stats(state)) == {"smoothed_performance", "progress"}


def test_blend_progresses_with_time() -> None:
    rule = BlendRule(2, progression_mode="time", progression_rate=0.3)
    state = learn(rule, rule.init(KEY), *[(0, 0.0)] * 3)  # 0.6 after two, where the second task is nearer
    np.testing.assert_allclose(state.progress, 0.6, rtol=1e-6)
    np.testing.assert_allclose(learn(rule, state, (1, 0.0)).progress, 0.9, rtol=1e-6)
    np.testing.assert_allclose(learn(rule, state, *[(1, 0.0)] * 2).progress, 1.0)


def test_gates() -> None:
    def sigma(x: float) -> float:
        return 1 / (1 + np.exp(-x))

    # p = 1, b = 0.5, places 0, 1, 2: the flanks stand at i - b and i + b.
    expected = [sigma(3.0) * sigma(-1.0), sigma(1.0) * sigma(1.0), sigma(-1.0) * sigma(3.0)]
    np.testing.assert_allclose(blend_gates(jnp.float32(0.5), 3, 0.5, "logistic"), expected, rtol=1e-5)
    # p = 0.5: rising (p - i + 1) / 0.5 is 3, 1, -1, falling (i + 1 - p) / 0.5 is 1, 3, 5.
    np.testing.assert_allclose(blend_gates(jnp.float32(0.25), 3, 0.5, "linear"), [1.0, 1.0, 0.0])
    # p = 0.8, b = 0.5: rising 3.6, 1.6, -0.4; falling 0.4, 2.4, 4.4.
    np.testing.assert_allclose(blend_gates(jnp.float32(0.4), 3, 0.5, "linear"), [0.4, 1.0, 0.0], rtol=1e-5)
