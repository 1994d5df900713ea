"""The table of actions: an entry is all that a new action needs, and a table that does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import Field

from metta_jax.config import ActionConfig, ActionsConfig, GameConfig
from metta_jax.mettagrid import MettaGrid, actions
from metta_jax.mettagrid.actions import ACTIONS, Action, Appearance, action_table
from metta_jax.mettagrid.spaces import ActionSpace
from metta_jax.viewer.action_keys import ACTION_OF_KEY, KEY_HELP
from metta_jax.viewer.live_game import LiveGame
from metta_jax.viewer.live_terminal import picture
from tests.mettagrid.small_world import MAP, UP, game

FINE = 0.25
DANCE, GET, MOVE, NOOP, ROTATE = range(5)  # in alphabetical order, as ever


class TenActionsConfig(ActionsConfig, frozen=True):
    dance: ActionConfig | None = Field(default=None, description="Turn on the spot, and show how often.")


class TenActionsGame(GameConfig, frozen=True):
    actions: TenActionsConfig


def dance(agent: Appearance, argument: jax.Array) -> Appearance:
    return agent._replace(orientation=3 - agent.orientation, glyph=argument.astype(jnp.uint8))


@pytest.fixture
def ten_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Action(
        name="dance", resolution="alone", effect_fn=dance, max_arg=2, negative_args=False, reported_as="pirouette"
    )
    monkeypatch.setattr(actions, "ACTIONS", action_table([*ACTIONS.values(), entry], TenActionsConfig))


def make_env(path: str) -> MettaGrid:
    changes: dict[str, Any] = game(agent={"default_resource_limit": 10, "action_failure_penalty": FINE})
    changes["actions"]["dance"] = {"enabled": True}
    return MettaGrid(TenActionsGame.model_validate(changes), [MAP], engine_path=path)


@pytest.mark.parametrize("path", ["narrow", "wide"])
@pytest.mark.usefixtures("ten_actions")
def test_a_tenth_action_needs_one_entry(path: str) -> None:
    env = make_env(path)
    assert env.action_names == ("pirouette", "get_output", "move", "noop", "rotate")
    assert env.max_action_args == (2, 0, 1, 0, 3)
    assert ActionSpace.of(env).full_names()[:4] == ("pirouette_0", "pirouette_1", "pirouette_2", "get_output_0")

    state, _ = env.reset(env.params, jax.random.key(0))
    state, timestep = env.step(env.params, state, jnp.array([[DANCE, 2], [DANCE, 3]], jnp.int32))
    assert timestep.action_success.tolist() == [True, False]
    assert timestep.reward.tolist() == [0.0, -FINE]
    assert (state.orientation.tolist(), state.glyph.tolist()) == ([3, UP], [2, 0])

    features = {name: feature["id"] for name, feature in env.get_observation_features().items()}
    shown = {name: _values(timestep.observation[0], features[name]) for name in features}
    assert (shown["last_action"], shown["last_action_arg"]) == ([DANCE], [2])
    assert shown["agent:glyph"] == [2]

    state, timestep = env.step(env.params, state, jnp.array([[DANCE, -1], [DANCE, 0]], jnp.int32))
    assert timestep.action_success.tolist() == [False, True]
    first, second = env.episode_stats(env.params, state)["agent"]
    assert [agent["action.pirouette.success"] for agent in (first, second)] == [1, 1]
    assert [agent["action.invalid_arg"] for agent in (first, second)] == [1, 1]
    assert "action.pirouette.failed" not in first


@pytest.mark.usefixtures("ten_actions")
def test_a_tenth_action_can_be_played_by_hand() -> None:
    live = LiveGame(make_env("narrow"), jax.random.key(0))
    assert live.replay()["replay"]["action_names"][DANCE] == "pirouette"
    live.play({0: (DANCE, 1)})
    assert "agent 0 faces right · pirouette 1 ✓ · reward 0" in picture(live, 0, "")


@pytest.mark.usefixtures("ten_actions")
def test_a_tenth_action_costs_what_its_configuration_says() -> None:
    changes = game(agent={"default_resource_limit": 10, "action_failure_penalty": FINE})
    changes["actions"]["dance"] = {"enabled": True, "consumed_resources": {"ore": 1, "gold": 1}}
    with pytest.raises(ValueError, match=r"actions\.dance\.consumed_resources\.gold: no item of this name"):
        TenActionsGame.model_validate(changes)
    del changes["actions"]["dance"]["consumed_resources"]["gold"]
    env = MettaGrid(TenActionsGame.model_validate(changes), [MAP], engine_path="narrow")
    state, _ = env.reset(env.params, jax.random.key(0))
    state, timestep = env.step(env.params, state, jnp.array([[DANCE, 1], [NOOP, 0]], jnp.int32))
    assert timestep.action_success.tolist() == [False, True]
    assert timestep.reward.tolist() == [-FINE, 0.0]
    assert state.glyph.tolist() == [0, 0]
    assert env.episode_stats(env.params, state)["agent"][0]["action.pirouette.failed"] == 1


def test_the_table_has_the_actions_of_the_configuration() -> None:
    assert set(ACTIONS) == set(ActionsConfig.model_fields)
    with pytest.raises(TypeError):
        ACTIONS["dance"] = ACTIONS["noop"]  # type: ignore[index]


def _with(**changes: Any) -> Callable[[], Any]:
    """Makes a table with a tenth action of these attributes."""
    entry: dict[str, Any] = {"name": "dance", "resolution": "alone"} | changes
    return lambda: action_table([*ACTIONS.values(), Action(**entry)], TenActionsConfig)


@pytest.mark.parametrize(
    ("make_fn", "problem"),
    [
        (lambda: action_table(ACTIONS.values(), TenActionsConfig), r"actions\.dance: TenActionsConfig has this field"),
        (
            _with(name="dnace"),
            r"actions\.dance: .* has no entry for it \(did you mean 'dnace'\?\)",
        ),
        (
            lambda: action_table([*ACTIONS.values(), Action(name="swapp", resolution="alone")], ActionsConfig),
            r"actions\.swapp: .* ActionsConfig .* has no field for it \(did you mean 'swap'\?\)",
        ),
        (
            lambda: action_table([*ACTIONS.values(), Action(name="noop", resolution="alone")], ActionsConfig),
            r"actions\.noop\.name: 'noop' is that of 'noop' already",
        ),
        (_with(reported_as="get_output"), r"actions\.dance\.reported_as: 'get_output' is that of 'get_items' already"),
        (_with(resolution="swap"), r"actions\.dance\.resolution: 'swap' is that of 'swap' already"),
        (_with(resolution="atack"), r"actions\.dance\.resolution: 'atack' is not one of .*did you mean 'attack'\?"),
        (_with(resolution="swap", effect_fn=dance), r"actions\.dance\.effect_fn: only actions that resolve 'alone'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(make_fn: Callable[[], Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make_fn()


def test_keys_play_actions_with_arguments_that_they_take() -> None:
    names = {action.reported_name: action for action in ACTIONS.values()}
    helped = {key for keys, *_ in KEY_HELP for key in keys.replace("space", " ").split(" ")}
    for key, (name, argument) in ACTION_OF_KEY.items():
        largest = names[name].max_arg
        assert isinstance(largest, int)
        assert 0 <= argument <= largest
        assert key in helped or key == " " or key.isdigit()
    assert len({action for action in ACTION_OF_KEY.values() if action[0] == "attack"}) == ACTIONS["attack"].max_arg + 1


def _values(observation: jax.Array, feature: int) -> list[int]:
    """The values of a feature, in the order of the tokens."""
    tokens = np.asarray(observation)
    return tokens[tokens[:, 1] == feature, 2].tolist()
