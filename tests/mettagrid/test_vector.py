"""A batch of environments: each by itself, and new episodes where old ones end."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.mettagrid import EnvParams, MettaGrid, VectorEnv, VectorState, VectorTimeStep
from metta_jax.mettagrid.engine_path import WIDE, EnginePath
from tests.mettagrid.small_world import GET, MAP, MOVE, NOOP, ROTATE, game_config

NUM_ENVS = 12
NUM_STEPS = 13
MAX_STEPS = 4
OTHER_MAP = [["agent.agent", "agent.agent", "mine"]]
COMPLETION = 8


@cache
def env(path: EnginePath | None = None) -> MettaGrid:
    return MettaGrid(game_config(max_steps=MAX_STEPS), [MAP, OTHER_MAP], stats="totals", engine_path=path)


class Episode(NamedTuple):
    first_state: VectorState
    first: VectorTimeStep
    states: VectorState  # [T, ...]
    timesteps: VectorTimeStep  # [T, ...]


@cache
def reset_fn(staggered: bool) -> Any:
    return jax.jit(VectorEnv(env(), NUM_ENVS, staggered=staggered).reset)


@cache
def steps_fn(path: EnginePath | None) -> Any:
    venv = VectorEnv(env(path), NUM_ENVS)

    def play_on(params: EnvParams, state: VectorState, actions: jax.Array) -> tuple[VectorState, VectorTimeStep]:
        def step(state: VectorState, now: jax.Array) -> tuple[VectorState, Any]:
            state, timestep = venv.step(params, state, now)
            return state, (state, timestep)

        return jax.lax.scan(step, state, actions)[1]

    return jax.jit(play_on)


def some_actions() -> np.ndarray:
    kinds = np.random.default_rng(0).integers(0, 4, (NUM_STEPS, NUM_ENVS, 2, 1))
    arguments = np.random.default_rng(1).integers(0, 4, (NUM_STEPS, NUM_ENVS, 2, 1))
    return np.concatenate([kinds, np.where(kinds == ROTATE, arguments, 0)], axis=-1).astype(np.int32)


def play(rules: Any = None, staggered: bool = False, seed: int = 0, path: EnginePath | None = None) -> Episode:
    params = env().params if rules is None else env().params.replace(rules=rules)
    state, first = reset_fn(staggered)(params, jax.random.key(seed))
    return jax.device_get(Episode(state, first, *steps_fn(path)(params, state, some_actions())))


def row(tree: Any, *index: int) -> Any:
    return jax.tree.map(lambda x: x[index], tree)


def completion(observation: Any) -> np.ndarray:
    """The completion token's value of the first agent, [..., N]."""
    token = observation[..., 0, 0, :]
    assert np.all(token[..., 1] == COMPLETION)
    return token[..., 2]


@pytest.mark.parametrize("num_envs", [0, -1, 2.0, True, None])
def test_the_number_of_environments_is_checked(num_envs: Any) -> None:
    with pytest.raises(ValueError, match="num_envs: .* is not a positive integer"):
        VectorEnv(env(), num_envs)


def test_actions_are_checked() -> None:
    venv = VectorEnv(env(), 3)
    state = jax.eval_shape(venv.reset, env().params, jax.random.key(0))[0]
    with pytest.raises(ValueError, match=r"actions: shape \[2, 2\] is not \[3, 2, 2\]"):
        venv.step(env().params, state, np.zeros((2, 2), np.int32))
    with pytest.raises(ValueError, match="actions: dtype float32 is not int32"):
        venv.step(env().params, state, np.zeros((3, 2, 2), np.float32))


def test_shapes() -> None:
    timestep = play().timesteps
    shapes = {name: (x.shape[1:], str(x.dtype)) for name, x in vars(timestep).items() if name != "episode"}
    flags = ((NUM_ENVS, 2), "bool")
    assert shapes == {
        "observation": ((NUM_ENVS, 2, 24, 3), "uint8"),
        "reward": ((NUM_ENVS, 2), "float32"),
        "terminated": flags,
        "truncated": flags,
        "action_success": flags,
        "final_observation": ((NUM_ENVS, 2, 24, 3), "uint8"),
    }
    assert timestep.episode.done.shape[1:] == (NUM_ENVS,)
    assert timestep.episode.episode_return.shape[1:] == (NUM_ENVS, 2)
    assert timestep.episode.episode_length.shape[1:] == (NUM_ENVS,)


def test_episodes_end_at_the_limit_and_start_again() -> None:
    episode = play()
    ends = np.zeros((NUM_STEPS, NUM_ENVS), bool)
    ends[MAX_STEPS - 1 :: MAX_STEPS] = True
    timesteps = episode.timesteps
    np.testing.assert_array_equal(timesteps.episode.done, ends)
    np.testing.assert_array_equal(timesteps.terminated, np.repeat(ends[..., None], 2, axis=-1))
    assert not timesteps.truncated.any()
    # 4 steps of 4: 64 / 255, 128, 191, 255; after the end 0, the first observation of the next episode.
    shown = np.array([64, 128, 191, 0] * 4)[:NUM_STEPS]
    np.testing.assert_array_equal(completion(timesteps.observation), np.tile(shown[:, None], NUM_ENVS))
    final = np.array([64, 128, 191, 255] * 4)[:NUM_STEPS]
    np.testing.assert_array_equal(completion(timesteps.final_observation), np.tile(final[:, None], NUM_ENVS))
    np.testing.assert_array_equal(timesteps.episode.episode_length, np.tile((final[:, None] + 1) // 64, NUM_ENVS))
    np.testing.assert_array_equal(episode.states.env.step[-1], np.full(NUM_ENVS, NUM_STEPS % MAX_STEPS))


def test_final_observation_differs_only_where_an_episode_ended() -> None:
    timesteps = play().timesteps
    same = (timesteps.observation == timesteps.final_observation).all(axis=(2, 3, 4))
    np.testing.assert_array_equal(same, ~timesteps.episode.done)


def test_episode_returns_are_the_sums_of_the_episodes_rewards() -> None:
    timesteps = play().timesteps
    assert timesteps.reward.any()
    total = np.zeros((NUM_ENVS, 2), np.float32)
    for step in range(NUM_STEPS):
        total += timesteps.reward[step]
        np.testing.assert_allclose(timesteps.episode.episode_return[step], total, rtol=1e-6)
        total[timesteps.episode.done[step]] = 0.0


def test_the_limit_may_truncate() -> None:
    rules = env().params.rules
    timesteps = play(rules.replace(truncations=jnp.ones_like(rules.truncations))).timesteps
    assert not timesteps.terminated.any()
    np.testing.assert_array_equal(timesteps.truncated.all(axis=-1), timesteps.episode.done)
    assert timesteps.episode.done.sum() == 3 * NUM_ENVS


def test_every_environment_is_a_single_one() -> None:
    """Within an episode, each environment does what `MettaGrid` does from the same state."""
    episode = play()
    actions = some_actions()
    step_fn = jax.jit(env().step)
    for index in (0, 5, NUM_ENVS - 1):
        # From a device_get a typed key comes back as it was.
        state = row(episode.first_state.env, index)
        for step in range(MAX_STEPS):
            state, alone = step_fn(env().params, state, actions[step, index])
            together = row(episode.timesteps, step, index)
            for name in ("reward", "terminated", "truncated", "action_success"):
                np.testing.assert_array_equal(getattr(alone, name), getattr(together, name))
            np.testing.assert_array_equal(alone.observation, together.final_observation)


def test_environments_differ_and_follow_from_the_key() -> None:
    one, same, other = play(seed=0), play(seed=0), play(seed=1)
    for a, b in zip(jax.tree.leaves(one.timesteps), jax.tree.leaves(same.timesteps), strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(one.first_state.env.map_index.tolist()) == {0, 1}
    assert (one.first_state.env.map_index != other.first_state.env.map_index).any()


def test_new_episodes_draw_new_maps() -> None:
    episode = play()
    later = [episode.states.env.map_index[i] for i in range(MAX_STEPS - 1, NUM_STEPS, MAX_STEPS)]
    assert all((maps != episode.first_state.env.map_index).any() for maps in later)
    np.testing.assert_array_equal(
        episode.states.env.map_index[: MAX_STEPS - 1],
        np.tile(episode.first_state.env.map_index, (MAX_STEPS - 1, 1)),
    )


def test_staggered_first_episodes_have_lengths_of_their_own() -> None:
    done = play(staggered=True).timesteps.episode.done
    first = done.argmax(axis=0)
    assert set(first.tolist()) == set(range(MAX_STEPS))
    for index, step in enumerate(first):
        # From then on every episode has its full length.
        np.testing.assert_array_equal(np.flatnonzero(done[:, index]), np.arange(step, NUM_STEPS, MAX_STEPS))


@pytest.mark.parametrize("staggered", [False, True])
def test_without_a_limit_nothing_ends(staggered: bool) -> None:
    rules = env().params.rules
    timesteps = play(rules.replace(max_steps=jnp.zeros_like(rules.max_steps)), staggered).timesteps
    assert not timesteps.episode.done.any()


def own_rules() -> Any:
    """Other limits, rewards and maps for every environment."""
    rules = jax.tree.map(lambda x: jnp.broadcast_to(x, (NUM_ENVS, *x.shape)), env().params.rules)
    scale = jnp.arange(NUM_ENVS, dtype=jnp.float32)
    return rules.replace(
        max_steps=1 + jnp.arange(NUM_ENVS, dtype=jnp.int32),
        first_map=jnp.arange(NUM_ENVS, dtype=jnp.int32) % 2,
        num_maps=jnp.ones(NUM_ENVS, jnp.int32),
        weights=rules.weights._replace(reward=rules.weights.reward * scale[:, None, None]),
    )


def test_every_environment_may_have_its_own_rules() -> None:
    episode = play(own_rules())
    maps = np.arange(NUM_ENVS) % 2
    np.testing.assert_array_equal(episode.first_state.env.map_index, maps)
    np.testing.assert_array_equal(episode.states.env.map_index, np.tile(maps, (NUM_STEPS, 1)))
    steps = np.arange(1, NUM_STEPS + 1)[:, None]
    np.testing.assert_array_equal(episode.timesteps.episode.done, steps % (1 + np.arange(NUM_ENVS)) == 0)
    # 0.5 for an ore, times the environment's number.
    gains = episode.timesteps.reward / np.maximum(np.arange(NUM_ENVS, dtype=np.float32), 1)[:, None]
    assert set(np.unique(np.round(gains, 5)).tolist()) == {0.0, 0.5}
    assert not episode.timesteps.reward[:, 0].any()


@pytest.mark.parametrize("path", [EnginePath(2 * NUM_ENVS // 3), WIDE], ids=["chunks", "wide"])
def test_the_path_changes_nothing(path: EnginePath) -> None:
    whole = play(own_rules())
    parts = play(own_rules(), path=path)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(as_numbers(one), as_numbers(other))


def test_a_state_goes_on_on_another_path() -> None:
    """A run saved on one kind of machine resumes on another with the same integers."""
    whole = play(own_rules())
    paths = (WIDE, EnginePath(2 * NUM_ENVS // 3), WIDE)
    params = env().params.replace(rules=own_rules())
    state, actions = whole.first_state, some_actions()
    pieces = []
    for path, some in zip(paths, np.split(actions, [4, 9]), strict=True):
        state, timestep = steps_fn(path)(params, jax.tree.map(jnp.asarray, state), some)
        pieces.append((state, timestep))
        state = row(state, -1)
    for one, *others in zip(
        jax.tree.leaves((whole.states, whole.timesteps)), *map(jax.tree.leaves, pieces), strict=True
    ):
        np.testing.assert_array_equal(as_numbers(one), np.concatenate([as_numbers(x) for x in others]))


def as_numbers(array: Any) -> Any:
    return jax.random.key_data(array) if jnp.issubdtype(array.dtype, jax.dtypes.prng_key) else array


def test_actions_used_here_do_something() -> None:
    """Guards the tests above: nothing follows from episodes in which nothing happens."""
    actions, timesteps = some_actions(), play().timesteps
    for kind in (GET, MOVE, NOOP, ROTATE):
        assert timesteps.action_success[actions[..., 0] == kind].any()
