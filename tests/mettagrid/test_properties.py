"""Laws that hold in every world: the engine is the oracle, nothing gets lost, and transformations change nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from metta_jax.conformance import first_difference
from metta_jax.mettagrid import MettaGrid
from metta_jax.mettagrid.types import Layout
from tests.families import FAMILIES, Family
from tests.mettagrid.play import engine_rollout, expected_run, make_env, play, player_fn, row
from tests.strategies import Scenario, scenarios

# Fixed examples: a red test must be red again. More of them: raise `max_examples`.
EXAMPLES = settings(
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
BY_NAME = {family.name: family for family in FAMILIES}
# Each family compiles one loop of steps; these three have all actions and both reward rules between them.
# Against the oracle each path compiles another loop; those of `narrow` are the ones that the other properties compile.
FAST_PATHS = {("everything", "wide"), ("crowd", "narrow")}


def families(*fast: str) -> pytest.MarkDecorator:
    """A parameter for each family; all but the named ones are slow."""
    return pytest.mark.parametrize(
        "family",
        [pytest.param(family, marks=() if family.name in fast else pytest.mark.slow) for family in FAMILIES],
        ids=lambda family: family.name,
    )


@pytest.mark.parametrize(
    ("family", "path"),
    [
        pytest.param(family, path, marks=() if (family.name, path) in FAST_PATHS else pytest.mark.slow)
        for family in FAMILIES
        for path in ("wide", "narrow")
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_engine_is_the_oracle(family: Family, path: str) -> None:
    @settings(EXAMPLES, max_examples=200)
    @given(scenarios(family))
    def check(scenario: Scenario) -> None:
        expected, got = expected_run(scenario), engine_rollout(make_env(scenario, path), scenario)
        assert first_difference(expected, got) is None
        # `first_difference` allows for rounding; between these two there is none.
        np.testing.assert_array_equal(got.reward, expected.reward)
        np.testing.assert_array_equal(got.episode_return, expected.episode_return)

    check()


@families("everything", "crowd")
def test_resources_are_conserved(family: Family) -> None:
    """Where nothing is made, used up or paid, things only change hands."""

    @settings(EXAMPLES, max_examples=100)
    @given(scenarios(family, closed=True))
    def check(scenario: Scenario) -> None:
        played = play(make_env(scenario), scenario)
        held = np.maximum(np.asarray(played.states.inventory), 0).sum(axis=1, dtype=np.int64)
        stocked = np.asarray(played.states.converter_stock).sum(axis=1, dtype=np.int64)
        start = np.asarray(played.initial_state.converter_stock).sum(axis=0, dtype=np.int64)
        np.testing.assert_array_equal(held + stocked, np.broadcast_to(start, held.shape))

    check()


@families("everything", "crowd")
def test_a_cell_holds_one_object(family: Family) -> None:
    """However many want to enter it."""

    @settings(EXAMPLES, max_examples=100)
    @given(scenarios(family), st.integers(0, 2**32 - 1))
    def check(scenario: Scenario, seed: int) -> None:
        scenario = replace(scenario, actions=jostle(family, scenario.actions.shape, seed))
        env = make_env(scenario)
        states = play(env, scenario).states
        rows = scenario.maps[scenario.map_index]
        for step in range(len(scenario.actions)):
            views = env.grid_objects(env.params, row(states, step)).values()
            places = [(view["r"], view["c"]) for view in views]
            assert len(set(places)) == len(places) == sum(name != "empty" for line in rows for name in line)
            assert all(0 <= r < len(rows) and 0 <= c < len(rows[0]) for r, c in places)

    check()


def jostle(family: Family, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Actions int32 [T, A, 2]: everybody moves, turns, freezes others and swaps with them."""
    names = sorted(family.actions)
    kinds = [kind for kind in ["move"] * 6 + ["rotate"] * 3 + ["swap", "attack"] if kind in names]
    rng = np.random.default_rng(seed)
    drawn = rng.choice([names.index(kind) for kind in kinds], shape[:-1])
    arguments = np.where(drawn == names.index("rotate"), rng.integers(0, 4, shape[:-1]), 0)
    return np.stack([drawn, arguments], axis=-1).astype(np.int32)


def naive_window(
    views: list[dict[str, Any]], agent: dict[str, Any], window: tuple[int, int]
) -> dict[int, dict[str, int]]:
    """{location: {feature name: value}} of all that lies within a window around an agent."""
    seen: dict[int, dict[str, int]] = {}
    for view in views:
        r, c = view["r"] - agent["r"] + window[0] // 2, view["c"] - agent["c"] + window[1] // 2
        if 0 <= r < window[0] and 0 <= c < window[1]:
            seen[r << 4 | c] = {n: value for n, value in view.items() if n in SHOWN or n.startswith("inv:")}
    return seen


SHOWN = (
    "type_id",
    "agent:group",
    "agent:frozen",
    "agent:orientation",
    "agent:color",
    "agent:glyph",
    "converting",
    "swappable",
)
GLOBAL = ("episode_completion_pct", "last_action", "last_action_arg", "last_reward", "resource_rewards")


@families("everything", "crowd")
def test_an_observation_is_a_window(family: Family) -> None:
    """Whatever lies around an agent is shown at its place, as long as there is room, and nothing else is."""

    @settings(EXAMPLES, max_examples=100)
    @given(scenarios(family))
    def check(scenario: Scenario) -> None:
        env = make_env(scenario)
        played = play(env, scenario)
        names = {feature["id"]: name for name, feature in env.get_observation_features().items()}
        views = list(env.grid_objects(env.params, row(played.states, -1)).values())
        for view in views:
            if "agent_id" not in view:
                continue
            observation = np.asarray(played.timesteps.observation[-1, view["agent_id"]])
            used = observation[observation[:, 0] != 255].tolist()
            if env.unique_tokens:
                assert len({(location, feature) for location, feature, _ in used}) == len(used)
            # A converter may show an item twice, its stock and then its recipe; the view has the last.
            seen: dict[int, dict[str, int]] = {}
            for location, feature, value in used:
                if names[feature] not in GLOBAL:
                    seen.setdefault(location, {})[names[feature]] = value
            expected = naive_window(views, view, family.window)
            if len(used) < family.num_tokens:
                assert seen == expected
            for location, tokens in list(seen.items())[:-1]:
                assert tokens == expected[location]
            for location, tokens in list(seen.items())[-1:]:
                assert tokens.keys() <= expected[location].keys()

    check()


@settings(EXAMPLES, max_examples=3)
@given(st.lists(scenarios(BY_NAME["crowd"]), min_size=3, max_size=3))
def test_vmap_is_a_loop(batch: list[Scenario]) -> None:
    """Other rules, maps, actions and orders in every environment."""
    envs = [make_env(scenario) for scenario in batch]
    apart = [play(env, scenario) for env, scenario in zip(envs, batch, strict=True)]
    together = vmapped_player(envs[0])(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *[env.params for env in envs]),
        jax.random.split(jax.random.key(0), len(batch)),
        jnp.asarray([scenario.map_index for scenario in batch], jnp.int32),
        jnp.asarray(np.stack([scenario.actions for scenario in batch])),
        jnp.asarray(np.stack([scenario.orders for scenario in batch])),
    )
    for index, alone in enumerate(apart):
        assert_equal_trees(row(together.timesteps, index), alone.timesteps)
        assert_equal_trees(row(together.states.replace(key=None), index), alone.states.replace(key=None))


@settings(EXAMPLES, max_examples=3)
@given(scenarios(BY_NAME["crowd"]))
def test_scan_is_a_loop(scenario: Scenario) -> None:
    env = make_env(scenario)
    played = play(env, scenario)
    step_fn = jitted_step(env)
    state = played.initial_state
    for step in range(len(scenario.actions)):
        state, timestep = step_fn(env.params, state, scenario.actions[step], scenario.orders[step])
        assert_equal_trees(timestep, row(played.timesteps, step))
    assert_equal_trees(state, row(played.states, -1))


@pytest.mark.slow
@settings(EXAMPLES, max_examples=1)
@given(scenarios(BY_NAME["crowd"], num_steps=3))
def test_jit_is_no_jit(scenario: Scenario) -> None:
    env = make_env(scenario)
    step_fn = jitted_step(env)
    state, _ = env.reset(env.params, jax.random.key(0), map_index=scenario.map_index)
    for actions, order in zip(scenario.actions, scenario.orders, strict=True):
        with jax.disable_jit():
            plain = env.step(env.params, state, actions, order)
        compiled = step_fn(env.params, state, actions, order)
        assert_equal_trees(plain, compiled)
        state, _ = compiled


@settings(EXAMPLES, max_examples=10)
@given(scenarios(BY_NAME["crowd"]))
def test_other_numbers_compile_nothing(scenario: Scenario) -> None:
    """The step function of `test_scan_is_a_loop` asserts that it is traced once."""
    env = make_env(scenario)
    state = play(env, scenario).initial_state
    jitted_step(env)(env.params, state, scenario.actions[0], scenario.orders[0])


@cache
def jitted_step_of(layout: Layout) -> Any:
    env = object.__new__(MettaGrid)
    env.layout = layout
    # A function of its own: chex writes down what it is given, and this environment has no parameters to describe.
    return jax.jit(chex.assert_max_traces(lambda *args: env.step(*args), n=1))


def jitted_step(env: MettaGrid) -> Any:
    return jitted_step_of(env.layout)


@cache
def vmapped_player_of(layout: Layout) -> Any:
    return jax.jit(jax.vmap(player_fn(layout)))


def vmapped_player(env: MettaGrid) -> Any:
    return vmapped_player_of(env.layout)


def assert_equal_trees(got: Any, expected: Any) -> None:
    def check(one: jax.Array, other: jax.Array) -> None:
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        np.testing.assert_array_equal(one, other)

    jax.tree.map(check, got, expected)
