"""A batch whose environments play different tasks: each by its own rules, and the curriculum learns on the device."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.curriculum import Bucketed, Curriculum, LearningProgress, PrioritizeRegressed, SingleTask
from metta_jax.mettagrid import vector
from metta_jax.mettagrid.engine_path import WIDE, EnginePath
from metta_jax.worlds import make_curriculum
from metta_jax.worlds.environment import Environment
from tests.curriculum.mines import WORLDS, build, mines
from tests.programs import num_compiled

NUM_ENVS = 6
NUM_STEPS = 40
STEPS = {name: world.game.max_steps for name, world in WORLDS.items()}


@cache
def curriculum() -> Curriculum:
    return build(
        PrioritizeRegressed(tasks={"poor": 1, "inner": 2}), inner=LearningProgress(tasks={"rich": 1, "long": 1})
    )


@cache
def env(path: EnginePath | None = None) -> Environment:
    return Environment(curriculum(), num_envs=NUM_ENVS, is_training=False, num_maps=1, engine_path=path)


class Run(NamedTuple):
    first: Any
    states: Any
    timesteps: Any


@cache
def run_fn(path: EnginePath | None) -> Any:
    played = env(path)

    def run(params: Any, key: jax.Array, actions: jax.Array) -> Run:
        state, _ = played.reset(params, key)

        def step(state: Any, now: jax.Array) -> tuple[Any, Any]:
            state, timestep = played.step(params, state, now)
            return state, (state, timestep)

        return Run(state, *jax.lax.scan(step, state, actions)[1])

    return jax.jit(run)


@cache
def run(path: EnginePath | None = None) -> Run:
    actions = np.random.default_rng(0).integers(0, 3, (NUM_STEPS, NUM_ENVS, 2, 1)) * [1, 0]
    return jax.device_get(run_fn(path)(env().params, jax.random.key(0), jnp.asarray(actions, jnp.int32)))


def test_each_environment_plays_by_the_rules_of_its_task() -> None:
    tasks = np.concatenate([run().first.task[None], run().states.task[:-1]])  # before each step
    episode = run().timesteps.episode
    np.testing.assert_array_equal(episode.task, tasks)
    names = np.asarray([name.split(":")[-1] for name in env().task_names])
    assert set(names[tasks.ravel()]) == set(STEPS)
    length = np.asarray([STEPS[name] for name in names])[tasks]
    np.testing.assert_array_equal(episode.episode_length[episode.done], length[episode.done])
    np.testing.assert_array_equal(episode.done, episode.episode_length == length)
    # On a map of its own: pools of one map each.
    first_map = np.asarray(env().params.rules.first_map)
    np.testing.assert_array_equal(run().states.env.map_index, first_map[run().states.task])
    # And for its own rewards: what was earned is a multiple of the reward of an ore.
    reward = np.asarray([WORLDS[name].game.agent.rewards.inventory["ore"] for name in names])[tasks]
    assert np.all(episode.episode_return[reward == 0] == 0)
    assert np.any(episode.episode_return[reward == 0.125] > 0)


def test_tasks_change_where_an_episode_ended_only() -> None:
    before = np.concatenate([run().first.task[None], run().states.task[:-1]])
    changed = before != run().states.task
    assert np.any(changed)
    assert not np.any(changed & ~run().timesteps.episode.done)


def test_the_curriculum_learned_from_every_episode_in_order() -> None:
    episode = run().timesteps.episode
    state = run().first.curriculum
    complete = jax.jit(curriculum().complete)
    for t in range(NUM_STEPS):
        state = complete(state, episode.task[t], episode.episode_return[t].mean(axis=1), episode.done[t])
    last = jax.tree.map(lambda x: x[-1], run().states.curriculum)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(last), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)
    assert int(np.sum(last.completions.episodes)) == int(episode.done.sum()) > 20


@pytest.mark.parametrize(
    "path",
    [pytest.param(EnginePath(6), marks=pytest.mark.slow), WIDE],
    ids=["chunks of three environments", "wide"],
)
def test_the_path_changes_nothing(path: EnginePath) -> None:
    for a, b in zip(jax.tree.leaves(run()), jax.tree.leaves(run(path)), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def test_staggered_limits_are_those_of_the_tasks() -> None:
    venv = vector.VectorEnv(env().mettagrid, 64, staggered=True, curriculum=curriculum())
    state, _ = jax.jit(venv.reset)(env().params, jax.random.key(3))
    limit = np.asarray(env().params.rules.max_steps)[state.task]
    assert np.all(state.max_steps >= 1)
    assert np.all(state.max_steps <= limit)
    assert np.any(state.max_steps < limit)


def test_one_environment_can_be_looked_at() -> None:
    state = jax.tree.map(lambda x: x[-1], run().states)
    for i in range(NUM_ENVS):
        params = env().params_of(state, i)
        objects = env().mettagrid.grid_objects(params, jax.tree.map(lambda x, i=i: x[i], state.env))
        assert sum(view["type_name"] == "mine" for view in objects.values()) == 2


def test_a_single_task_needs_no_curriculum() -> None:
    alone = Environment(build(SingleTask(task="rich")), num_envs=2)
    assert alone.curriculum is None
    assert alone.params.rules.max_steps.shape == ()
    state, _ = jax.eval_shape(alone.reset, alone.params, jax.random.key(0))
    assert state.task is None


def test_two_hundred_tasks_in_one_program() -> None:
    """40 rewards x 5 lengths: no task compiles anything, and all of them share one map."""
    kind = Bucketed(
        env_cfg_template_path="rich",
        buckets={
            "game.agent.rewards.inventory.ore": {"values": tuple(i / 64 for i in range(40))},
            "game.max_steps": {"values": (1, 2, 3, 4, 5)},
        },
    )
    many = Environment(build(kind), num_envs=4, num_maps=1)
    assert len(many.task_names) == 200
    assert many.params.maps.height.shape == (1,)
    step: Any = jax.jit(many.step)
    state, _ = jax.jit(many.reset)(many.params, jax.random.key(0))
    seen = set()
    for _ in range(30):
        state, _ = step(many.params, state, jnp.zeros((4, 2, 2), jnp.int32))
        seen |= set(np.asarray(state.task).tolist())
    assert len(seen) > 20
    assert num_compiled(step) == 1
    params = many.params.replace(rules=many.params.rules.replace(max_steps=many.params.rules.max_steps + 1))
    step(params, state, jnp.zeros((4, 2, 2), jnp.int32))
    assert num_compiled(step) == 1


def test_tasks_with_another_number_of_agents_are_refused() -> None:
    lonely = mines(1.0, 3).replace(game={"num_agents": 1})
    with pytest.raises(ValueError, match="Task lonely has num_agents 1, expected 2"):
        Environment(
            make_curriculum(PrioritizeRegressed(tasks={"rich": 1, "lonely": 1}), known={**WORLDS, "lonely": lonely})
        )


def test_names_of_worlds_and_curricula() -> None:
    assert make_curriculum("/env/mettagrid/arena/basic").task_names == ("arena/basic",)
    assert make_curriculum("/env/mettagrid/curriculum/simple").task_names == ("sample(0.0)",)
    assert len(make_curriculum("curriculum/arena/random").task_names) == 15
    assert make_curriculum("arena/learning_progress", num_agents=4).env_configs[0].game.num_agents == 4
    with pytest.raises(
        ValueError, match=r"no curriculum 'curriculum/arena/randon' \(did you mean 'curriculum/arena/ra"
    ):
        make_curriculum("curriculum/arena/randon")
    with pytest.raises(ValueError, match=r"no world 'arena/basik' \(did you mean 'arena/basic'"):
        Environment("arena/basik")
    with pytest.raises(ValueError, match="arena/basic: .*num_agents: 5 is not a multiple of 4"):
        make_curriculum("curriculum/arena/random", num_agents=5)
