"""Parallel environments end their episodes together; what a rule learns must not depend on how many there are."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.curriculum import Curriculum, Task
from metta_jax.curriculum.learning_progress import LearningProgressRule
from metta_jax.curriculum.prioritize_regressed import PrioritizeRegressedRule
from metta_jax.curriculum.progressive import BlendRule, GrowingRule

NUM_TASKS = 6
RULES: dict[str, Any] = {
    "prioritize_regressed": PrioritizeRegressedRule((1.0,) * NUM_TASKS),
    "learning_progress": LearningProgressRule((1.0,) * NUM_TASKS),
    "growing": GrowingRule(3),
    # Linear gates of this width are shut for all but the task at p = 0.
    "blend": BlendRule(3, progression_rate=0.01, blending_smoothness=0.4, blending_mode="linear"),
    "blend_time": BlendRule(
        3, progression_rate=0.01, blending_smoothness=0.4, blending_mode="linear", progression_mode="time"
    ),
}


def curriculum(name: str) -> Curriculum:
    rule = RULES[name]
    return Curriculum(name, tuple(Task(f"task {i}", (None,)) for i in range(rule.num_children)), rule)  # type: ignore[arg-type]


@cache
def play_fn(name: str, num_envs: int, num_waves: int) -> Any:
    """All environments end together, wave after wave; tasks int32 [W, N] and states after each wave."""
    school = curriculum(name)

    def play(scores: jax.Array, first: jax.Array) -> Any:
        def wave(carry: Any, key: jax.Array) -> Any:
            state, task = carry
            keys = jax.random.split(key, num_envs)
            state, after = school.advance(state, task, scores[task], jnp.ones((num_envs,), bool), keys)
            return (state, after), (task, state)

        keys = jax.random.split(jax.random.key(0), num_waves)
        return jax.lax.scan(wave, (school.init(), first), keys)[1]

    return jax.jit(play)


@pytest.mark.parametrize("num_envs", [1, 4, 64])
@pytest.mark.parametrize("name", ["prioritize_regressed", "learning_progress"])
def test_a_task_that_scores_first_leaves_room_for_all(name: str, num_envs: int) -> None:
    school = curriculum(name)
    tasks, scores = jnp.arange(NUM_TASKS, dtype=jnp.int32), jnp.asarray([0.01] + [0.0] * 5, jnp.float32)
    state = jax.jit(school.complete)(school.init(), tasks, scores)
    drawn = jax.jit(jax.vmap(lambda key: school.sample(state, key)))(jax.random.split(jax.random.key(1), 3000))
    # A quarter of the draws is uniform: 3000 / 4 / 6 = 125 for each of the others, give or take 11.
    assert np.bincount(drawn, minlength=NUM_TASKS).min() > 125 - 5 * 11
    played, _ = play_fn(name, num_envs, 3000 // num_envs)(scores, jnp.arange(num_envs, dtype=jnp.int32) % NUM_TASKS)
    assert np.bincount(np.ravel(played), minlength=NUM_TASKS).min() > 125 - 5 * 11


def test_a_room_grows_once_for_those_that_end_together() -> None:
    _, states = play_fn("growing", 4, 3)(jnp.ones((3,)), jnp.zeros((4,), jnp.int32))
    np.testing.assert_array_equal(states.rule, [1, 2, 2])


@pytest.mark.parametrize("name", ["blend", "blend_time"])
@pytest.mark.parametrize("num_envs", [4, 64, 512])
def test_a_blend_waits_for_episodes_of_the_task_at_its_place(name: str, num_envs: int) -> None:
    """Each step of 0.01 needs an episode of the nearest task: 25 of the first, 50 of the second, 25 of the third."""
    num_waves = 512 // num_envs + 200
    tasks, states = play_fn(name, num_envs, num_waves)(jnp.ones((3,)), jnp.zeros((num_envs,), jnp.int32))
    progress = np.asarray(states.rule.progress)
    seen = np.cumsum([np.bincount(wave, minlength=3) for wave in np.asarray(tasks)], axis=0)
    bound = 0.01 * (np.minimum(seen[:, 0], 25) + np.minimum(seen[:, 1], 50) + seen[:, 2])
    assert np.all(progress <= bound + 0.011)  # the step that passes a boundary may be one more
    np.testing.assert_allclose(progress[0], min(num_envs * 0.01, 0.25), atol=0.011)
    np.testing.assert_allclose(progress[-1], 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_ignored_and_counted(name: str, score: float) -> None:
    school = curriculum(name)
    complete = jax.jit(school.complete)
    before = complete(school.init(), jnp.asarray([0, 1], jnp.int32), jnp.asarray([0.5, 0.25]))
    after = complete(before, jnp.asarray([0, 1], jnp.int32), jnp.asarray([score, score]), jnp.asarray([True, False]))
    assert int(after.num_ignored) == 1
    assert float(school.stats(after)["curriculum/ignored_scores"]) == 1
    for x, y in zip(
        jax.tree.leaves(before), jax.tree.leaves(after.replace(num_ignored=before.num_ignored)), strict=True
    ):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)
