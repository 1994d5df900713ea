"""Rules under any scores: weights stay weights, and learning progress equals a plain reading of its formulas."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metta_jax.curriculum.learning_progress import LearningProgressRule
from metta_jax.curriculum.prioritize_regressed import PrioritizeRegressedRule
from metta_jax.curriculum.progressive import BlendRule
from metta_jax.curriculum.rule import Rule, probabilities

NUM_CHILDREN, NUM_EPISODES = 4, 48
RULES: dict[str, Rule] = {
    "prioritize_regressed": PrioritizeRegressedRule((1.0, 0.0, 2.0, 1.0), 0.2),
    "learning_progress": LearningProgressRule(
        (1.0, 1.0, 0.0, 2.0), ema_timescale=0.2, num_active_tasks=3, rand_task_rate=0.5, sample_threshold=3, memory=4
    ),
    "blend": BlendRule(NUM_CHILDREN, progression_rate=0.1),
}
EPISODES = st.lists(
    st.tuples(st.integers(0, NUM_CHILDREN - 1), st.floats(-2, 2, width=32)), min_size=1, max_size=NUM_EPISODES
)


@cache
def play_fn(name: str) -> Any:
    """The states after each of NUM_EPISODES episodes."""
    rule = RULES[name]

    def play(children: jax.Array, scores: jax.Array) -> Any:
        def step(state: Any, episode: Any) -> tuple[Any, Any]:
            state = rule.learn(state, *episode)
            return state, (state, probabilities(rule.weights(state)))

        return jax.lax.scan(step, rule.init(jax.random.key(0)), (children, scores))[1]

    return jax.jit(play)


def play(name: str, episodes: list[tuple[int, float]]) -> Any:
    padded = episodes + [(0, 0.0)] * (NUM_EPISODES - len(episodes))
    children, scores = zip(*padded, strict=True)
    return play_fn(name)(jnp.asarray(children, jnp.int32), jnp.asarray(scores, jnp.float32))


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=20, deadline=None)
@given(episodes=EPISODES)
def test_weights_stay_weights(name: str, episodes: list[tuple[int, float]]) -> None:
    _, probs = play(name, episodes)
    assert np.all(np.asarray(probs) >= 0)
    np.testing.assert_allclose(np.sum(probs, axis=1), 1.0, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(episodes=EPISODES)
def test_learning_progress_equals_a_plain_reading(episodes: list[tuple[int, float]]) -> None:
    """With lists of all outcomes. Which tasks are active is drawn, so it is taken from the states."""
    rule = RULES["learning_progress"]
    assert isinstance(rule, LearningProgressRule)
    states, _ = play("learning_progress", episodes)
    outcomes: list[list[float]] = [[] for _ in range(NUM_CHILDREN)]
    new, active, fast = np.zeros(NUM_CHILDREN), np.ones(NUM_CHILDREN, bool), None
    slow = true = baseline = np.zeros(NUM_CHILDREN)
    for i, (child, score) in enumerate(episodes):
        outcomes[child].append(float(np.clip(score, 0, 1)))
        new[child] += active[child]
        if fast is None or np.any(new >= rule.sample_threshold):
            rate = np.asarray([np.mean(x) if x else 0.0 for x in outcomes])
            if fast is None:
                baseline = np.minimum(rate, 0.75)
            norm = np.maximum(rate - baseline, 0) / (1 - baseline)
            if fast is None:
                fast, slow, true = norm, norm, rate
            else:
                tau = rule.ema_timescale * active
                fast = (1 - tau) * fast + tau * norm
                slow = (1 - tau) * slow + tau * fast
                true = (1 - tau) * true + tau * rate
            outcomes = [x[-rule.memory :] for x in outcomes]
            new, active = np.zeros(NUM_CHILDREN), np.asarray(states.active[i])
        np.testing.assert_allclose(states.fast[i], fast, atol=1e-5)
        np.testing.assert_allclose(states.slow[i], slow, atol=1e-5)
        np.testing.assert_allclose(states.true_rate[i], true, atol=1e-5)
        np.testing.assert_array_equal(states.num_new[i], new)
        np.testing.assert_array_equal(states.num_outcomes[i], [len(x) for x in outcomes])
