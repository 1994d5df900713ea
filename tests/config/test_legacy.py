"""Older spellings of games."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from metta_jax.config import AgentGameConfig, ConfigError, ConverterConfig, GameConfig, GroupConfig, RewardsConfig


def test_flat_rewards() -> None:
    flat = {"heart": 1, "heart_max": 1000, "ore": None}
    assert RewardsConfig(flat) == RewardsConfig(inventory=flat)  # type: ignore
    assert RewardsConfig({}) == RewardsConfig()  # type: ignore
    with pytest.raises(ConfigError, match=r"^heart: Extra inputs are not permitted"):
        RewardsConfig({"heart": 1, "inventory": {"ore": 1}})  # type: ignore


def test_flat_agent() -> None:
    data = {
        "default_item_max": 50,
        "heart_max": 255,
        "resource_limits": {"ore": 3},
        "freeze_duration": 10,
        "rewards": {"action_failure_penalty": 0.25, "heart": 1, "heart_max": 5},
    }
    before = copy.deepcopy(data)
    assert AgentGameConfig.model_validate(data) == AgentGameConfig.model_validate(
        {
            "default_resource_limit": 50,
            "resource_limits": {"ore": 3, "heart": 255},
            "freeze_duration": 10,
            "rewards": {"inventory": {"heart": 1, "heart_max": 5}},
            "action_failure_penalty": 0.25,
        }
    )
    assert data == before


def test_flat_group_props() -> None:
    group = GroupConfig.model_validate({"id": 1, "props": {"heart_max": 3, "rewards": {"heart": 2}}})
    assert group == GroupConfig.model_validate(
        {"id": 1, "props": {"resource_limits": {"heart": 3}, "rewards": {"inventory": {"heart": 2}}}}
    )


def test_flat_converter(make_game: Any) -> None:
    flat = {
        "type_id": 2,
        "input_ore_red": 3,
        "output_heart": 1,
        "max_output": 5,
        "conversion_ticks": 1,
        "cooldown": 10,
        "initial_items": 2,
    }
    game = GameConfig.model_validate(
        make_game({"objects/mine": flat, "inventory_item_names": ["ore_red", "heart", "ore", "battery"]})
    )
    assert game.objects["mine"] == ConverterConfig.model_validate(flat)
    assert game.objects["mine"] == ConverterConfig.model_validate(
        {
            "type_id": 2,
            "input_resources": {"ore_red": 3},
            "output_resources": {"heart": 1},
            "max_output": 5,
            "conversion_ticks": 1,
            "cooldown": 10,
            "initial_resource_count": 2,
        }
    )


def test_flat_converter_without_anything_else_is_a_converter(make_game: Any) -> None:
    with pytest.raises(ConfigError, match=r"objects\.mine\.max_output: Field required"):
        GameConfig.model_validate(make_game({"objects/mine": {"type_id": 2, "output_ore": 1}}))


def test_errors_of_flat_amounts_have_the_present_path(make_game: Any) -> None:
    with pytest.raises(ConfigError, match=r"^objects\.mine\.output_resources\.heart: 256 is not in 0\.\.255"):
        GameConfig.model_validate(make_game({"objects/mine/output_heart": 256}))


def test_reward_sharing(make_game: Any) -> None:
    sharing = {"groups": {"red": {"red": 0.25}, "blue": {"blue": 0.5}}}
    game = GameConfig.model_validate(make_game({"reward_sharing": sharing}))
    assert game.groups["red"].group_reward_pct == 0.25
    assert game.groups["blue"].group_reward_pct == 0.5
    plain = GameConfig.model_validate(make_game())
    assert GameConfig.model_validate(make_game({"reward_sharing": {"groups": None}})) == plain


@pytest.mark.parametrize(
    ("sharing", "message"),
    [
        ({"groups": {"red": {"blue": 0.5}}}, r"reward_sharing\.groups\.red: .* is not of the form \{red: share\}"),
        ({"groups": {"green": {"green": 0.5}}}, r"reward_sharing\.groups\.green: 'green' is not one of the groups"),
        ({"groups": {"blue": {"blue": 0.75}}}, r"reward_sharing\.groups\.blue: 0\.75 is not the same as"),
        ({"style": "team"}, r"reward_sharing: Extra inputs are not permitted"),
    ],
)
def test_reward_sharing_that_means_something_else_is_refused(make_game: Any, sharing: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GameConfig.model_validate(make_game({"reward_sharing": sharing}))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("agent/default_item_max", 11, r"default_item_max: 11 is not the same as default_resource_limit: 10"),
        ("agent/heart_max", 3, r"older spelling of resource_limits\.heart: 3 is not the same as heart: 255"),
        ("objects/mine/initial_items", 3, r"initial_items: 3 is not the same as initial_resource_count: 0"),
        ("objects/mine/output_ore", 3, r"older spelling of output_resources\.ore: 3 is not the same as ore: 1"),
    ],
)
def test_two_spellings_must_agree(make_game: Any, path: str, value: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GameConfig.model_validate(make_game({path: value}))


def test_two_spellings_that_agree_are_fine(make_game: Any) -> None:
    changes = {"agent/default_item_max": 10, "agent/heart_max": 255, "objects/mine/initial_items": 0}
    assert GameConfig.model_validate(make_game(changes)) == GameConfig.model_validate(make_game())
