"""Several games in one program: each plays as it does by itself, and what cannot be united is refused."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import GameConfig
from metta_jax.mettagrid import MettaGrid, TaskGrid, VectorEnv, task_params
from tests.mettagrid.small_world import MAP, game

NUM_STEPS = 40
FIRST_ITEM = 14

MILL = [
    ["wall", "agent.blue", "mill", "empty", "block", "wall", "empty"],
    ["empty", "mine", "agent.red", "empty", "block", "empty", "mill"],
    ["mine", "empty", "block", "empty", "wall", "empty", "empty"],
]


def plain() -> GameConfig:
    return GameConfig.model_validate(game(max_steps=0))


def mill() -> GameConfig:
    """Other items, groups, objects, actions and rewards; `mine` is a wall here."""
    values = game(
        inventory_item_names=["grain", "ore", "flour"],
        max_steps=0,
        groups={"red": {"id": 3, "group_reward_pct": 0.5}, "blue": {"id": 3}},
        agent={
            "default_resource_limit": 2,
            "freeze_duration": 2,
            "rewards": {"inventory": {"flour": 1.0, "grain": 0.25}, "stats": {"action.swap.success": 0.125}},
        },
        actions={
            **{name: {"enabled": True} for name in ("get_items", "move", "put_items", "rotate", "swap")},
            "attack": {"enabled": True, "consumed_resources": {"grain": 1}},
        },
        objects={
            "wall": {"type_id": 4},
            "block": {"type_id": 5, "swappable": True},
            "mine": {"type_id": 6},
            "mill": {
                "type_id": 2,
                "input_resources": {"grain": 1, "ore": 1},
                "output_resources": {"flour": 1, "grain": 2},
                "max_output": 9,
                "conversion_ticks": 2,
                "cooldown": 1,
                "initial_resource_count": 3,
            },
        },
    )
    return GameConfig.model_validate(values)


CONFIGS = (plain, mill)
MAPS = (MAP, MILL)


@cache
def alone(task: int) -> MettaGrid:
    return MettaGrid(CONFIGS[task](), MAPS[task], stats="totals")


@cache
def united() -> TaskGrid:
    return TaskGrid([config() for config in CONFIGS], MAPS, names=["plain", "mill"], stats="totals")


@cache
def play_fn(env: MettaGrid) -> Any:
    venv = VectorEnv(env, 3)

    def play(params: Any, key: jax.Array, actions: jax.Array) -> Any:
        state, first = venv.reset(params, key)

        def step(state: Any, now: jax.Array) -> tuple[Any, Any]:
            state, timestep = venv.step(params, state, now)
            return state, (state.env, timestep)

        return state.env, first, *jax.lax.scan(step, state, actions)[1]

    return jax.jit(play)


def some_actions(num_actions: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(-1, num_actions + 1, (NUM_STEPS, 3, 2, 1))
    arguments = rng.integers(0, 2, kinds.shape) * rng.integers(0, 4, kinds.shape)  # most are 0, which all actions take
    return np.concatenate([kinds, arguments], axis=-1).astype(np.int32)


def readable(env: MettaGrid, params: Any, states: Any, step: int) -> Any:
    """Objects by id, and statistics, of the second environment after a step: names instead of numbers."""
    state = jax.tree.map(lambda x: x[step, 1], states)
    return named_items(env, env.grid_objects(params, state)), env.episode_stats(params, state)


def double_invalid_types(agent: dict[str, float]) -> None:
    """Where attacks exist, actions of no valid type are counted twice, and one of the two is fined."""
    if "action.invalid_type" in agent:
        agent["action.invalid_type"] *= 2


def named_items(env: MettaGrid, objects: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    for view in objects.values():
        if "inventory" in view:
            view["inventory"] = {env.inventory_item_names[item]: n for item, n in view["inventory"].items()}
    return objects


@pytest.mark.parametrize("task", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_task_plays_as_its_game_does_by_itself(task: int) -> None:
    own, grid = alone(task), united()
    params = task_params(grid.params, task)
    key = jax.random.key(0)
    actions = some_actions(len(own.layout.actions), seed=0)
    names = {i: grid.layout.actions.index(action) for i, action in enumerate(own.layout.actions)}
    kinds = np.vectorize(lambda kind: names.get(kind, 100 + kind))(actions[..., 0])
    translated = np.stack([kinds, actions[..., 1]], axis=-1).astype(np.int32)

    _, first, states, steps = play_fn(own)(own.params, key, actions)
    _, first2, states2, steps2 = play_fn(grid)(params, key, translated)
    for a, b in ((first, first2), (steps, steps2)):
        np.testing.assert_array_equal(a.reward, b.reward)
        np.testing.assert_array_equal(a.action_success, b.action_success)
    np.testing.assert_array_equal(states.episode_return, states2.episode_return)
    assert np.any(np.asarray(steps.reward) != 0)
    for step in (0, NUM_STEPS // 2, NUM_STEPS - 1):
        (objects, stats), (objects2, stats2) = (
            readable(own, own.params, states, step),
            readable(grid, params, states2, step),
        )
        assert objects == objects2
        if own.layout.action("attack") < 0:  # the one difference, see below
            for agent in stats["agent"]:
                double_invalid_types(agent)
        assert stats == stats2


@pytest.mark.parametrize("task", [0, 1])
def test_observations_differ_in_the_numbers_of_items_only(task: int) -> None:
    own, grid = alone(task), united()
    actions = jnp.zeros((NUM_STEPS, 3, 2, 2), jnp.int32)
    invalid = actions.at[..., 0].set(-1)
    _, _, _, steps = play_fn(own)(own.params, jax.random.key(2), invalid)
    _, _, _, steps2 = play_fn(grid)(task_params(grid.params, task), jax.random.key(2), invalid)
    seen, seen2 = np.asarray(steps.observation), np.asarray(steps2.observation)
    names = grid.inventory_item_names
    feature = seen[..., 1].astype(int)
    for item, name in enumerate(own.inventory_item_names):
        feature = np.where(seen[..., 1] == FIRST_ITEM + item, FIRST_ITEM + names.index(name), feature)
    np.testing.assert_array_equal(feature, seen2[..., 1])
    np.testing.assert_array_equal(seen[..., [0, 2]], seen2[..., [0, 2]])


def test_an_action_that_a_task_does_not_have_is_invalid_there() -> None:
    grid = united()
    assert grid.masks_actions
    actions = np.zeros((NUM_STEPS, 3, 2, 2), np.int32)
    actions[..., 0] = grid.layout.action("swap")
    params = task_params(grid.params, 0)
    _, _, states, steps = play_fn(grid)(params, jax.random.key(0), actions)
    assert not np.any(steps.action_success)
    _, stats = readable(grid, params, states, NUM_STEPS - 1)
    assert all("action.swap.failed" not in agent for agent in stats["agent"])
    assert stats["agent"][0]["action.invalid_type"] > 0


def test_items_stand_in_an_order_that_agrees_with_every_task() -> None:
    assert united().inventory_item_names == ("grain", "ore", "flour")
    other = game(inventory_item_names=["ore", "grain"])
    with pytest.raises(ValueError, match="inventory_item_names: .*task mill has .*'grain', 'ore'.*, task other has"):
        TaskGrid([mill(), GameConfig.model_validate(other)], [MILL, MAP], names=["mill", "other"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_agents": 3}, "Task b has num_agents 3, expected 2"),
        ({"obs_width": 5}, "obs_width: task b has 5, task a has 3"),
        ({"num_observation_tokens": 9}, "num_tokens: task b has 9, task a has 24"),
        ({"global_obs": {"last_action": False}}, "global_tokens: task b has"),
        ({"resource_reward_cap": "running_total"}, "reward_rule: task b has 'running_total', task a has 'per_item'"),
    ],
)
def test_what_decides_the_shape_of_an_agent_must_agree(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaskGrid([plain(), GameConfig.model_validate(game(**changes))], [MAP, MAP], names=["a", "b"])


def test_tasks_of_different_numbers_of_glyphs_are_refused() -> None:
    def glyphs(count: int) -> GameConfig:
        actions = {"noop": {"enabled": True}, "change_glyph": {"enabled": True, "number_of_glyphs": count}}
        return GameConfig.model_validate(game(actions=actions))

    with pytest.raises(ValueError, match="actions.change_glyph: task b allows arguments up to 5, task a up to 3"):
        TaskGrid([glyphs(4), glyphs(6)], [MAP, MAP], names=["a", "b"])


def test_fines_beside_attacks_are_refused() -> None:
    fined = game(agent={"default_resource_limit": 1, "action_failure_penalty": 0.5})
    with pytest.raises(ValueError, match="task fined has no attack but fines failures with 0.5; .* task mill"):
        TaskGrid([mill(), GameConfig.model_validate(fined)], [MILL, MAP], names=["mill", "fined"])


def test_tasks_share_a_pool_that_both_were_given() -> None:
    pool = [MAP, MAP, MAP]
    grid = TaskGrid([plain(), plain().replace(max_steps=7), plain()], [pool, pool, [MAP]])
    assert grid.params.maps.height.shape == (4,)
    np.testing.assert_array_equal(grid.params.rules.first_map, [0, 0, 3])
    np.testing.assert_array_equal(grid.params.rules.num_maps, [3, 3, 1])
    assert grid.max_steps == 0  # one of them has no limit


def test_a_bad_map_names_its_task() -> None:
    with pytest.raises(ValueError, match="task b: maps.0.: Unknown object type: 'tree'"):
        TaskGrid([plain(), plain()], [MAP, [["tree", "agent.agent", "agent.agent"]]], names=["a", "b"])
