"""Curricula as a whole: tasks, nesting, episodes in order, statistics, and how kinds are built."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import EnvConfig
from metta_jax.curriculum import (
    Bucketed,
    Curriculum,
    CurriculumState,
    Known,
    LearningProgress,
    PrioritizeRegressed,
    Progressive,
    ProgressiveMultiTask,
    Random,
    SampledTask,
    Sampling,
    SingleTask,
    build_curriculum,
    override,
    read_kind,
)
from metta_jax.curriculum.build import draw_parameter, growing_sizes
from metta_jax.curriculum.completions import WINDOW
from metta_jax.mapgen import Child, MapGen, Maze, RandomRoom, around
from metta_jax.mapgen import Random as Scattered
from tests.mettagrid.small_world import game


def world(max_steps: int = 4, **fields: Any) -> EnvConfig:
    room = RandomRoom(width=8, height=6, objects={"mine": 2}, agents=2)
    return EnvConfig.model_validate({"game": game(max_steps=max_steps), "map_builder": room, **fields})


A, B, C = (world(max_steps) for max_steps in (3, 4, 5))


@cache
def nested() -> Curriculum:
    inner = PrioritizeRegressed(tasks={"b": 1, "c": 3}, moving_avg_decay_rate=0.5)
    return build_curriculum(
        Random(tasks={"x/inner": 1, "a": 3}), Known({"a": A, "b": B, "c": C, "x/inner": inner}), name="outer"
    )


@cache
def complete_fn() -> Any:
    return jax.jit(nested().complete)


def complete(state: CurriculumState, index: Any, score: Any, mask: Any) -> CurriculumState:
    return complete_fn()(state, jnp.asarray(index, jnp.int32), jnp.asarray(score, jnp.float32), jnp.asarray(mask))


def same(a: Any, b: Any) -> bool:
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, y, equal_nan=True) for x, y in leaves)


def test_tasks_are_numbered_through_nested_curricula() -> None:
    curriculum = nested()
    assert curriculum.task_names == ("x/inner:b", "x/inner:c", "a")
    assert curriculum.env_configs == (B, C, A)
    assert curriculum.num_variants == 3


def test_sampling_follows_the_weights_at_every_level() -> None:
    curriculum = nested()
    keys = jax.random.split(jax.random.key(1), 4000)
    drawn = jax.jit(jax.vmap(lambda key: curriculum.sample(curriculum.init(), key)))(keys)
    assert drawn.dtype == jnp.int32
    np.testing.assert_allclose(np.bincount(drawn) / 4000, [1 / 16, 3 / 16, 3 / 4], atol=0.02)


def test_completions_are_reported_to_every_ancestor() -> None:
    state = complete(nested().init(), [1, 2, 0, 2], [0.5, 1.0, 7.0, 0.25], [True, True, False, True])
    stats = {name: float(value) for name, value in nested().stats(state).items()}
    assert stats["task_completions/x/inner"] == pytest.approx(1 / 3)
    assert stats["task_completions/a"] == pytest.approx(2 / 3)
    assert stats["task_completions/x/inner:c"] == 1.0
    assert stats["task_completions/x/inner:b"] == 0.0
    assert stats["curriculum_task_probs/a"] == 0.75
    # c: avg 0.25, max 0.5, weight about 2; b: 1e-6. A quarter is drawn with the first weights, 1 and 3.
    assert stats["curriculum_task_probs/x/inner:c"] == pytest.approx(0.75 + 0.25 * 0.75, abs=1e-5)
    assert stats["task_reward/a/rewards.mean"] == pytest.approx(0.625)
    assert np.isnan(stats["task_reward/x/inner:b/rewards.mean"])
    np.testing.assert_allclose(state.nested[0].rule.average, [0.0, 0.25])

    fresh = nested().begin_rollout(state)
    assert np.isnan(float(nested().stats(fresh)["task_reward/a/rewards.mean"]))
    assert float(nested().stats(fresh)["task_completions/a"]) == pytest.approx(2 / 3)


def test_episodes_are_applied_in_their_order() -> None:
    state = nested().init()
    at_once = complete(state, [0, 1, 0, 2], [0.5, 0.9, 0.1, 0.3], [True, True, True, False])
    for index, score in ((0, 0.5), (1, 0.9), (0, 0.1)):
        state = complete(state, [index, 0, 0, 0], [score, 0, 0, 0], [True, False, False, False])
    assert same(at_once, state)
    assert not same(at_once, complete(nested().init(), [0, 1, 0, 2], [0.1, 0.9, 0.5, 0.3], [True, True, True, False]))
    assert same(state, complete(state, [0, 1, 0, 2], [9, 9, 9, 9], [False] * 4))


def test_advance_completes_and_samples_one_environment_after_the_other() -> None:
    curriculum = nested()
    state, keys = curriculum.init(), jax.random.split(jax.random.key(5), 4)
    task, score = jnp.asarray([0, 1, 2, 1], jnp.int32), jnp.asarray([0.5, 0.9, 0.1, 0.3], jnp.float32)
    done = jnp.asarray([True, False, True, True])
    after, tasks = jax.jit(curriculum.advance)(state, task, score, done, keys)
    expected, sample = [], jax.jit(curriculum.sample)
    for i in range(4):
        if done[i]:
            state = complete(state, [task[i], 0, 0, 0], [score[i], 0, 0, 0], [True, False, False, False])
            expected.append(int(sample(state, keys[i])))
        else:
            expected.append(int(task[i]))
    assert same(after, state)
    np.testing.assert_array_equal(tasks, expected)


def test_completions_are_shares_of_the_last_501() -> None:
    state = complete_many([2] * 300 + [0] * 200)
    assert float(nested().stats(state)["task_completions/a"]) == pytest.approx(0.6)
    state = complete_many([2] * 300 + [0] * 200 + [0] * 101)
    assert float(nested().stats(state)["task_completions/a"]) == pytest.approx(200 / WINDOW)


def complete_many(indices: list[int]) -> CurriculumState:
    index = np.zeros(601, np.int32)
    index[: len(indices)] = indices
    return complete(nested().init(), index, np.zeros(601), np.arange(601) < len(indices))


# -- kinds ------------------------------------------------------------------------------------------------------------


def build(kind: Any, **known: Any) -> Curriculum:
    return build_curriculum(kind, Known({"a": A, "b": B, "c": C, **known}))


def test_single_task() -> None:
    curriculum = build(SingleTask(task="a"))
    assert (curriculum.task_names, curriculum.env_configs) == (("a",), (A,))
    assert int(curriculum.sample(curriculum.init(), jax.random.key(0))) == 0


def test_sampling_is_named_after_how_far_it_goes() -> None:
    assert build(Sampling(template="a", sampling=0.5)).task_names == ("sample(0.5)",)
    assert build(Sampling(template=world(sampling=1.0))).task_names == ("sample(1.0)",)


def test_sampling_reaches_the_map_builder() -> None:
    room = RandomRoom(width=8, height=6, objects={"mine": around(3, 1, 9)}, agents=2)
    config = EnvConfig.model_validate({"game": game(), "map_builder": room})
    drawn = build(Sampling(template=config, sampling=0.5)).env_configs[0]
    assert drawn.map_builder.objects["mine"].sampling == 0.5


def test_sampled_task_draws_variants() -> None:
    parameters = {"game.max_steps": {"range": (10, 20)}, "map_builder.height": 7}
    curriculum = build(SampledTask(template="a", parameters=parameters, num_variants=6))
    steps = [config.game.max_steps for config in curriculum.env_configs]
    assert set(curriculum.task_names) == {"a"}
    assert len(steps) == 6
    assert len(set(steps)) > 2
    assert all(10 <= s < 20 for s in steps)
    assert all(config.map_builder.height == 7 for config in curriculum.env_configs)
    keys = jax.random.split(jax.random.key(0), 60)
    drawn = jax.jit(jax.vmap(lambda key: curriculum.sample(curriculum.init(), key)))(keys)
    assert set(drawn.tolist()) == set(range(len(steps)))  # each is played
    assert set(curriculum.stats(curriculum.init())) == {
        "curriculum_task_probs/a",
        "task_completions/a",
        "task_reward/a/rewards.mean",
        "curriculum/ignored_scores",
    }


def test_draws_are_cut_to_ints_only_between_ints() -> None:
    rng = np.random.default_rng(0)
    ints = [draw_parameter({"range": (1, 4)}, rng) for _ in range(200)]
    assert set(ints) == {1, 2, 3}  # cut, not rounded
    assert all(isinstance(draw_parameter({"range": (1, 4.0)}, rng), float) for _ in range(5))
    assert draw_parameter("x", rng) == "x"


def test_buckets() -> None:
    kind = Bucketed(
        env_cfg_template_path="a",
        buckets={
            "game.agent.rewards.inventory.ore": {"values": (0.0, 0.33333)},
            "game.max_steps": {"range": (10, 20), "bins": 2},
        },
        num_variants=3,
    )
    curriculum = build(kind)
    assert curriculum.child_names == (
        "rewards.inventory.ore=0.0;game.max_steps=(10.0, 15.0)",
        "rewards.inventory.ore=0.0;game.max_steps=(15.0, 20.0)",
        "rewards.inventory.ore=0.333;game.max_steps=(10.0, 15.0)",
        "rewards.inventory.ore=0.333;game.max_steps=(15.0, 20.0)",
    )
    assert [child.num_variants for child in curriculum.children] == [3, 3, 3, 3]
    assert {config.game.max_steps for config in curriculum.env_configs[:3]} <= set(range(10, 15))
    assert curriculum.env_configs[-1].game.agent.rewards.inventory["ore"] == 0.33333
    assert "lp/num_active_tasks" in curriculum.stats(curriculum.init())


def test_progressive_grows_the_map() -> None:
    assert growing_sizes(10, 10, 100) == [(10, 10), (20, 20), (40, 40), (80, 80), (100, 100)]
    assert growing_sizes(10, 60, 100) == [(10, 60), (20, 100), (40, 100), (80, 100), (100, 100)]
    curriculum = build(Progressive(template="a", largest=20))
    assert curriculum.child_names == ("10x10", "20x20")
    assert [config.map_builder.width for config in curriculum.env_configs] == [10, 20]


def test_overrides_reach_nested_curricula_and_win_from_the_outside() -> None:
    inner = LearningProgress(
        tasks={"b": 1, "c": 1}, env_overrides={"game": {"max_steps": 50, "episode_truncates": True}}
    )
    curriculum = build(Random(tasks={"inner": 1, "a": 1}, env_overrides={"game.max_steps": 60}), inner=inner)
    assert [config.game.max_steps for config in curriculum.env_configs] == [60, 60, 60]
    assert [config.game.episode_truncates for config in curriculum.env_configs] == [True, True, False]


def test_a_curriculum_in_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="'loop' is a task of itself, by way of curriculum -> loop -> loop"):
        build(Random(tasks={"loop": 1}), loop=Random(tasks={"loop": 1}))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("game.max_step", 1, r"game.max_step: .*no 'max_step' \(did you mean 'max_steps'\?\)"),
        ("game.objects.altar.cooldown", 1, "no 'altar'"),
        ("game.objects.mine.cooldown", -1, "game.objects.mine.cooldown: .*-1 is not in 0..65535"),
        ("map_builder.objects.tree", 1, "no 'tree'"),
        ("map_builder.width.x", 1, "there is nothing inside 8"),
        ("game.agent.rewards.inventory.gold", 1.0, "no 'gold'"),
    ],
)
def test_overrides_of_what_is_not_there_are_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(A, {path: value})


def test_overrides() -> None:
    changed = override(
        A,
        {
            "game.objects.mine.cooldown": 9,
            "game": {"agent": {"resource_limits": {"ore": 3}}},
            "game.map_builder.objects.mine": 4,
        },
    )
    assert changed.game.objects["mine"].cooldown == 9  # pyright: ignore[reportAttributeAccessIssue]
    assert changed.game.agent.resource_limits == {"ore": 3}
    assert changed.map_builder.objects == {"mine": 4}
    assert changed.game.objects["wall"] == A.game.objects["wall"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "kind: missing"),
        ({"_target_": "x.RandmCurriculum"}, "_target_: 'x.RandmCurriculum' is not one of single_task, sampling"),
        ({"_target_": "x.RandomCurriculum", "kind": "random"}, "_target_: 'x.Ran.*' is given next to kind: 'random'"),
        ({"kind": "randm"}, "kind: 'randm' is not one of single_task, sampling"),
        ({"kind": "random", "tasks": {}}, "tasks: a curriculum needs at least one"),
        ({"kind": "random", "tasks": {"a": -1}}, "tasks.a: -1 is not at least 0"),
        ({"kind": "bucketed", "env_cfg_template_path": "a", "buckets": {"x": {"values": []}}}, "buckets.x.values: "),
        ({"kind": "bucketed", "env_cfg_template_path": "a", "buckets": {"x": {"range": [3, 1]}}}, "3 is more than 1"),
        (
            {"kind": "ProgressiveMultiTask", "tasks": ["a"], "progression_mode": "x"},
            "progression_mode must be either 'time' or 'perf'",
        ),
        (
            {"kind": "progressive_multi_task", "tasks": ["a"], "blending_mode": "x"},
            "blending_mode must be either 'logistic' or 'linear'",
        ),
    ],
)
def test_what_kinds_refuse(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_kind(values)


def test_paths_with_the_level_of_parameters_that_the_original_has() -> None:
    scene = Scattered({"mine": 1}, 2, children=(Child(Maze(), "full"),))
    config = EnvConfig(game=game(), map_builder=MapGen(scene, width=8, height=6))  # type: ignore
    paths = {"root.params.objects.mine": 4, "root.params.agents": 3, "root.children.0.scene.params.room_size": 2}
    changed = override(config, {f"game.map_builder.{path}": value for path, value in paths.items()})
    assert changed == override(config, {f"map_builder.{path.replace('params.', '')}": x for path, x in paths.items()})
    assert changed.map_builder.root.objects == {"mine": 4}
    assert changed.map_builder.root.children[0].scene.room_size == 2
    with pytest.raises(ValueError, match=r"map_builder\.root\.params\.agnts: .*did you mean 'agents'"):
        override(config, {"map_builder.root.params.agnts": 4})
    buckets = {"game.map_builder.root.params.objects.mine": {"values": [1, 2]}}
    assert len(build(Bucketed(env_cfg_template_path=config, buckets=buckets)).task_names) == 2


def test_kinds_by_both_spellings() -> None:
    assert isinstance(read_kind({"kind": "LearningProgress", "tasks": ["a"]}), LearningProgress)
    path = "metta.mettagrid.curriculum.learning_progress.LearningProgressCurriculum"
    assert read_kind({"_target_": path, "tasks": ["a"]}) == read_kind({"kind": "LearningProgress", "tasks": ["a"]})
    assert isinstance(read_kind({"_target_": "x.LowRewardCurriculum", "tasks": ["a"]}), PrioritizeRegressed)
    assert isinstance(read_kind({"_target_": "ProgressiveMultiTaskCurriculum", "tasks": ["a"]}), ProgressiveMultiTask)
    assert isinstance(read_kind({"kind": "low_reward", "tasks": ["a"]}), PrioritizeRegressed)
    assert isinstance(read_kind({"kind": "progressive_multi_task", "tasks": ["a"]}), ProgressiveMultiTask)


def test_unknown_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="tasks: no task 'd' "):
        build(Random(tasks={"a": 1, "d": 1}))
