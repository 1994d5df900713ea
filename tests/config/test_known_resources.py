"""Leaving out resources that a game does not have."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from metta_jax.config import GameConfig, known_resources

CHANGES = {
    "actions/attack/consumed_resources": {"laser": 1, "ore": 2},
    "actions/attack/required_resources": {"laser": 1, "ore": 3},
    "actions/attack/defense_resources": {"armor": 1, "battery": 1},
    "agent/resource_limits": {"laser": 4, "heart": 5},
    "agent/rewards/inventory": {"laser": 1, "laser_max": 2, "ore": 3, "ore_max": 4},
    "groups/blue/props": {"resource_limits": {"armor": 1}, "rewards": {"inventory": {"armor_max": 1, "heart": 2}}},
    "objects/altar/input_resources": {"blueprint": 1, "battery": 3},
    "objects/altar/output_resources": {"blueprint": 2, "heart": 1},
}
USES = [
    "agent.resource_limits.laser",
    "agent.rewards.inventory.laser",
    "agent.rewards.inventory.laser_max",
    "groups.blue.props.resource_limits.armor",
    "groups.blue.props.rewards.inventory.armor_max",
    "actions.attack.required_resources.laser",
    "actions.attack.consumed_resources.laser",
    "actions.attack.defense_resources.armor",
    "objects.altar.input_resources.blueprint",
    "objects.altar.output_resources.blueprint",
]


def test_without_unknown_names_nothing_happens(make_game: Any) -> None:
    game = GameConfig.model_validate(make_game())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert known_resources(game) is game


def test_unknown_names_are_dropped_everywhere_with_one_warning(make_game: Any) -> None:
    game = GameConfig.model_validate(make_game(CHANGES))
    with pytest.warns(UserWarning, match="resources that are not in inventory_item_names are left out: ") as caught:
        known = known_resources(game)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert sorted(text.split(": ")[1].split(", ")) == sorted(USES)
    assert known == GameConfig.model_validate(
        make_game(
            {
                "actions/attack/consumed_resources": {"ore": 2},
                "actions/attack/required_resources": {"ore": 3},
                "actions/attack/defense_resources": {"battery": 1},
                "agent/resource_limits": {"heart": 5},
                "agent/rewards/inventory": {"ore": 3, "ore_max": 4},
                "groups/blue/props": {"resource_limits": {}, "rewards": {"inventory": {"heart": 2}}},
                "objects/altar/input_resources": {"battery": 3},
                "objects/altar/output_resources": {"heart": 1},
            }
        )
    )
    assert known_resources(known) is known
    assert game == GameConfig.model_validate(make_game(CHANGES))


def test_error_names_every_path(make_game: Any) -> None:
    with pytest.raises(ValueError, match="no item of this name is in inventory_item_names") as caught:
        GameConfig.model_validate(make_game(CHANGES | {"unknown_resources": "error"}))
    assert all(use in str(caught.value) for use in USES)
    strict = GameConfig.model_validate(make_game({"unknown_resources": "error"}))
    assert known_resources(strict) is strict


@pytest.mark.parametrize(
    ("path", "amounts", "message"),
    [
        ("objects/altar/input_resources", {"batery": 3}, "objects.altar.input_resources.batery: no item .*'battery'"),
        ("objects/altar/output_resources", {"hart": 1}, "objects.altar.output_resources.hart: no item .*'heart'"),
        ("agent/rewards/inventory", {"hart": 1}, "agent.rewards.inventory.hart: no item .*did you mean 'heart'"),
        ("agent/rewards/inventory", {"hart_max": 1}, "agent.rewards.inventory.hart_max: .*did you mean 'heart_max'"),
        ("agent/resource_limits", {"or": 1}, "agent.resource_limits.or: no item .*did you mean 'ore'"),
        ("actions/attack/consumed_resources", {"lazer": 1}, "actions.attack.consumed_resources.lazer: no item .*"),
        (
            "groups/blue/props",
            {"resource_limits": {"qqq": 1}},
            r"groups.blue.props.resource_limits.qqq: .*are ore,",
        ),
    ],
)
def test_a_typo_is_an_error_with_the_nearest_name(make_game: Any, path: str, amounts: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GameConfig.model_validate(make_game({path: amounts}))
    with pytest.raises(ValueError, match=message):
        GameConfig.model_validate(make_game({path: amounts, "unknown_resources": "error"}))
    dropped = GameConfig.model_validate(make_game({path: amounts, "unknown_resources": "drop"}))
    with pytest.warns(UserWarning, match="are left out: "):
        known_resources(dropped)


def test_requirements_that_are_all_unknown_become_none_at_all(make_game: Any) -> None:
    attack = {"enabled": True, "required_resources": {"laser": 1}, "consumed_resources": {"ore": 1}}
    with pytest.warns(UserWarning, match=r"actions\.attack\.required_resources\.laser$"):
        known = known_resources(GameConfig.model_validate(make_game({"actions/attack": attack})))
    assert known.actions.attack is not None
    assert known.actions.attack.requirements == {}
    assert known.actions.attack.consumed_resources == {"ore": 1}


def test_consumed_that_are_all_unknown_make_the_action_free(make_game: Any) -> None:
    attack = {"enabled": True, "consumed_resources": {"laser": 1}}
    with pytest.warns(UserWarning, match=r"actions\.attack\.consumed_resources\.laser$"):
        known = known_resources(GameConfig.model_validate(make_game({"actions/attack": attack})))
    assert known.actions.attack is not None
    assert known.actions.attack.requirements == {}
    assert known.actions.attack.consumed_resources == {}


def test_names_that_end_in_max(make_game: Any) -> None:
    inventory = {"x_max": 1, "x_max_max": 2, "x": 3}
    game = GameConfig.model_validate(make_game({"inventory_item_names": ["ore", "battery", "heart", "x_max"]}))
    game = game.replace(agent={"rewards": {"inventory": inventory}}, unknown_resources="drop")
    with pytest.warns(UserWarning, match=r"agent\.rewards\.inventory\.x$"):
        known = known_resources(game)
    assert known.agent.rewards.item_rewards(["x_max"]) == {"x_max": (1.0, 2.0)}


def test_amounts_of_zero_stay_in_actions(make_game: Any) -> None:
    attack = {"enabled": True, "required_resources": {"ore": 0}, "defense_resources": {"heart": 0, "laser": 0}}
    with pytest.warns(UserWarning, match="laser"):
        known = known_resources(GameConfig.model_validate(make_game({"actions/attack": attack})))
    assert known.actions.attack is not None
    assert known.actions.attack.requirements == {"ore": 0}
    assert known.actions.attack.defense_resources == {"heart": 0}


def test_a_long_list_of_names_is_cut(make_game: Any) -> None:
    names = [f"item_{i}" for i in range(241)]
    with pytest.raises(ValueError, match=r"; there are item_0, .*item_23 and 217 more\n"):
        GameConfig.model_validate(make_game({"inventory_item_names": names, "agent/rewards/inventory": {"ore": 1}}))
