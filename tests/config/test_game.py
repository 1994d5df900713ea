"""GameConfig: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from metta_jax.config import (
    AgentGameConfig,
    ConfigError,
    ConverterConfig,
    GameConfig,
    GroupConfig,
    RewardsConfig,
    WallConfig,
)


def test_accepts_the_original_form(make_game: Any) -> None:
    data = make_game()
    before = copy.deepcopy(data)
    game = GameConfig.model_validate(data)
    assert data == before
    assert game.inventory_item_names == ("ore", "battery", "heart")
    assert game.agent.resource_limits == {"heart": 255}
    assert game.objects["wall"] == WallConfig(type_id=1)
    assert isinstance(game.objects["mine"], ConverterConfig)
    assert list(game.objects) == ["wall", "block", "mine", "altar"]
    assert game.resource_reward_cap == "per_item"
    assert game.unknown_resources == "original"
    assert not game.episode_truncates
    assert game.global_obs.last_action
    assert not game.global_obs.resource_rewards


def test_from_yaml(make_game: Any, tmp_path: Path) -> None:
    path = tmp_path / "game.yaml"
    path.write_text(yaml.safe_dump(make_game()))
    assert GameConfig.from_yaml(path) == GameConfig.model_validate(make_game())


def test_actions_are_ordered_by_name(make_game: Any) -> None:
    game = GameConfig.model_validate(make_game())
    assert game.enabled_actions() == ("attack", "change_glyph", "move", "noop")
    assert list(game.actions.enabled()) == list(game.enabled_actions())
    every = {name: {"enabled": True} for name in ("swap", "rotate", "put_items", "noop", "move", "get_items")}
    every |= {name: {"enabled": True} for name in ("change_glyph", "change_color", "attack")}
    assert GameConfig.model_validate(make_game({"actions": every})).enabled_actions() == tuple(sorted(every))


def test_required_is_consumed_unless_given(make_game: Any) -> None:
    for required in (None, {}):
        game = GameConfig.model_validate(make_game({"actions/attack/required_resources": required}))
        assert game.actions.attack is not None
        assert game.actions.attack.required_resources is None
        assert game.actions.attack.requirements == {"ore": 1}
    game = GameConfig.model_validate(make_game({"actions/attack/required_resources": {"ore": 3, "heart": 0}}))
    assert game.actions.attack is not None
    assert game.actions.attack.requirements == {"ore": 3, "heart": 0}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("objects/altar/cooldown", -3, r"objects\.altar\.cooldown: -3 is not in 0\.\.65535"),
        ("objects/altar/cooldown", 65536, r"objects\.altar\.cooldown: 65536 is not in 0\.\.65535"),
        ("objects/altar/conversion_ticks", 65536, r"objects\.altar\.conversion_ticks: 65536 is not in 0\.\.65535"),
        ("objects/altar/max_output", -2, r"objects\.altar\.max_output: -2 is not in -1\.\.32767"),
        ("objects/altar/max_output", 32768, r"objects\.altar\.max_output: 32768 is not in -1\.\.32767"),
        (
            "objects/altar/initial_resource_count",
            256,
            r"objects\.altar\.initial_resource_count: 256 is not in 0\.\.255",
        ),
        ("objects/altar/input_resources/ore", 256, r"objects\.altar\.input_resources\.ore: 256 is not in 0\.\.255"),
        ("objects/altar/output_resources/ore", -1, r"objects\.altar\.output_resources\.ore: -1 is not in 0\.\.255"),
        ("objects/altar/color", 256, r"objects\.altar\.color: 256 is not in 0\.\.255"),
        ("objects/altar/type_id", 256, r"objects\.altar\.type_id: 256 is not in 0\.\.255"),
        ("objects/altar/max_output", ..., r"objects\.altar\.max_output: Field required"),
        ("objects/altar/swappable", True, r"objects\.altar\.swappable: Extra inputs are not permitted"),
        ("objects/wall/type_id", ..., r"objects\.wall\.type_id: Field required"),
        ("objects/wall/swapable", True, r"objects\.wall\.swapable: Extra .* \(did you mean 'swappable'\?\)"),
        ("objects/wall", 3, r"objects\.wall: Input should be .*, not 3"),
        ("agent/default_resource_limit", 256, r"agent\.default_resource_limit: 256 is not in 0\.\.255"),
        ("agent/resource_limits/ore", 300, r"agent\.resource_limits\.ore: 300 is not in 0\.\.255"),
        ("agent/freeze_duration", -1, r"agent\.freeze_duration: -1 is not in 0\.\.255"),
        ("agent/freeze_duration", 256, r"agent\.freeze_duration: 256 is not in 0\.\.255"),
        ("agent/action_failure_penalty", -0.1, r"agent\.action_failure_penalty: -0\.1 is not at least 0"),
        (
            "agent/rewards/inventory/ore",
            "1",
            r"agent\.rewards\.inventory\.ore: Input should be a valid number, not '1'",
        ),
        ("agent/rewards/stats/x", None, r"agent\.rewards\.stats\.x: Input should be a valid number, not None"),
        ("agent/rewards/invntory", {}, r"agent\.rewards\.invntory: Extra .* \(did you mean 'inventory'\?\)"),
        ("groups/red/id", 256, r"groups\.red\.id: 256 is not in 0\.\.255"),
        ("groups/red/group_reward_pct", 1.5, r"groups\.red\.group_reward_pct: 1\.5 is not in 0\.\.1"),
        ("groups/red/props/freeze_duration", 256, r"groups\.red\.props\.freeze_duration: 256 is not in 0\.\.255"),
        ("groups/red/props/speed", 1, r"groups\.red\.props\.speed: Extra inputs are not permitted"),
        ("groups", {}, r"groups: at least one group is needed"),
        ("actions/move/consumed_resources", {"ore": 256}, r"actions\.move\.consumed_resources\.ore: 256 is not in"),
        ("actions/move/enabled", ..., r"actions\.move\.enabled: Field required"),
        ("actions/move/enabled", 1, r"actions\.move\.enabled: Input should be a valid boolean, not 1"),
        (
            "actions/attack/defense_resources/ore",
            256,
            r"actions\.attack\.defense_resources\.ore: 256 is not in 0\.\.255",
        ),
        ("actions/move/defense_resources", {}, r"actions\.move\.defense_resources: Extra inputs are not permitted"),
        ("actions/change_glyph/number_of_glyphs", 256, r"actions\.change_glyph\.number_of_glyphs: 256 is not in"),
        ("actions/swpa", {"enabled": True}, r"actions\.swpa: Extra inputs are not permitted \(did you mean 'swap'\?\)"),
        ("actions", {"noop": {"enabled": False}}, r"actions: no action is enabled; at least one must be"),
        ("actions", {}, r"actions: no action is enabled; at least one must be"),
        ("num_agents", 0, r"num_agents: 0 is not in 1\.\.256"),
        ("num_agents", 257, r"num_agents: 257 is not in 1\.\.256"),
        ("max_steps", -1, r"max_steps: -1 is not in 0\.\.2147483647"),
        ("num_observation_tokens", 0, r"num_observation_tokens: 0 is not at least 1"),
        ("obs_width", 4, r"obs_width: 4 is not an odd number in 3\.\.15"),
        ("obs_width", 1, r"obs_width: 1 is not an odd number in 3\.\.15"),
        ("obs_height", 17, r"obs_height: 17 is not an odd number in 3\.\.15"),
        ("obs_height", "5", r"obs_height: Input should be a valid integer, not '5'"),
        ("inventory_item_names", ["a", "b", "a"], r"inventory_item_names: \['a'\] are listed more than once"),
        ("inventory_item_names", [""], r"inventory_item_names: '' is not a name"),
        ("inventory_item_names", "ore", r"inventory_item_names: Input should be a valid tuple, not 'ore'"),
        (
            "resource_reward_cap",
            "total",
            r"resource_reward_cap: Input should be 'per_item', 'per_item_reward' or '",
        ),
        ("unknown_resources", "keep", r"unknown_resources: Input should be 'original', 'drop' or 'error'"),
        ("global_obs/last_step", True, r"global_obs\.last_step: Extra inputs are not permitted"),
        ("map_builder", {}, r"map_builder: Extra inputs are not permitted"),
        ("episode_truncates", 0, r"episode_truncates: Input should be a valid boolean, not 0"),
        ("agent", ..., r"agent: Field required"),
    ],
)
def test_refuses(make_game: Any, path: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        GameConfig.model_validate(make_game({path: value}))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("num_agents", 256),
        ("max_steps", 0),
        ("max_steps", 2147483647),
        ("obs_width", 3),
        ("obs_height", 15),
        ("num_observation_tokens", 1),
        ("agent/freeze_duration", 255),
        ("objects/altar/cooldown", 65535),
        ("objects/altar/max_output", 32767),
        ("objects/altar/max_output", -1),
        ("agent/rewards/inventory/ore", None),
        ("agent/rewards/inventory/ore_max", None),
        ("agent/rewards/inventory/ore", -2.5),
        ("inventory_item_names", ("ore", "battery", "heart")),
        ("groups/blue/id", 0),  # two groups may share an id
        ("objects", {}),
        ("actions/move", None),
    ],
)
def test_accepts_limits(make_game: Any, path: str, value: Any) -> None:
    GameConfig.model_validate(make_game({path: value}))


def test_number_of_items_is_limited(make_game: Any) -> None:
    names = ["ore", "battery", "heart", *(f"item_{i}" for i in range(239))]
    with pytest.raises(ConfigError, match=r"^inventory_item_names: 242 items are too many: at most 241 are allowed"):
        GameConfig.model_validate(make_game({"inventory_item_names": names}))
    assert len(GameConfig.model_validate(make_game({"inventory_item_names": names[:241]})).inventory_item_names) == 241


def test_all_problems_are_reported_at_once(make_game: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        GameConfig.model_validate(make_game({"objects/altar/cooldown": -3, "num_agents": 0, "agent/speed": 1}))
    assert [error["loc"] for error in caught.value.errors()] == [
        ("num_agents",),
        ("agent", "speed"),
        ("objects", "altar", "cooldown"),
    ]


@pytest.mark.parametrize("other", ["wall", "mine"])
def test_type_ids_belong_to_one_name(make_game: Any, other: str) -> None:
    taken = make_game()["objects"][other]["type_id"]
    message = rf"Object type_id {taken} already exists with type_name {other}\. Trying to add altar\.$"
    with pytest.raises(ConfigError, match=rf"^objects\.altar\.type_id: {message}"):
        GameConfig.model_validate(make_game({"objects/altar/type_id": taken}))


def test_type_id_of_agents_is_taken(make_game: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"Object type_id 0 already exists with type_name agent\. Trying to add altar"
    ):
        GameConfig.model_validate(make_game({"objects/altar/type_id": ...}))


@pytest.mark.parametrize("name", ["empty", ".", " ", "agent.red"])
def test_names_that_maps_use_otherwise_are_refused(make_game: Any, name: str) -> None:
    with pytest.raises(ConfigError, match="is not a name for an object"):
        GameConfig.model_validate(make_game({f"objects/{name}": {"type_id": 9}}))


class TestRequiredResources:
    message = "Required resources must be greater than or equal to consumed resources"

    def test_less_than_consumed_is_refused(self, make_game: Any) -> None:
        game = make_game({"actions/attack/required_resources": {"battery": 1, "ore": 0}})
        with pytest.raises(
            ConfigError, match=rf"^actions\.attack\.required_resources\.ore: 0 is less .* {self.message}"
        ):
            GameConfig.model_validate(game)

    def test_consumed_without_being_required_is_fine(self, make_game: Any) -> None:
        GameConfig.model_validate(make_game({"actions/attack/required_resources": {"battery": 1}}))

    def test_unknown_items_and_disabled_actions_do_not_count(self, make_game: Any) -> None:
        short = {"required_resources": {"laser": 1}, "consumed_resources": {"laser": 2}}
        GameConfig.model_validate(make_game({"actions/move": {"enabled": True, **short}}))
        known = {"inventory_item_names": ["ore", "battery", "heart", "laser"]}
        GameConfig.model_validate(make_game(known | {"actions/move": {"enabled": False, **short}}))
        with pytest.raises(ConfigError, match=r"^actions\.move\.required_resources\.laser: 1 is less than the 2"):
            GameConfig.model_validate(make_game(known | {"actions/move": {"enabled": True, **short}}))


class TestEndlessSource:
    def converter(self, make_game: Any, **changes: Any) -> GameConfig:
        source = {
            "type_id": 2,
            "output_resources": {"ore": 1},
            "max_output": -1,
            "conversion_ticks": 0,
            "cooldown": 0,
            "initial_resource_count": 0,
        }
        return GameConfig.model_validate(make_game({"objects/mine": source | changes}))

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"input_resources": {"ore": 0}},
            {"input_resources": {"laser": 2}},
            {"output_resources": {}},
            {"output_resources": {}, "max_output": 1},
            {"output_resources": {"laser": 1}, "max_output": 1},
            {"max_output": 256},
            {"output_resources": {"ore": 1, "heart": 0}, "max_output": 256},
            {"input_resources": {"ore": 1}},
            {"input_resources": {"ore": 1}, "max_output": 2},
        ],
    )
    def test_is_refused(self, make_game: Any, changes: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=r"^objects\.mine: an endless source: conversion_ticks 0, cooldown 0"):
            self.converter(make_game, **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"conversion_ticks": 1},
            {"cooldown": 1},
            {"input_resources": {"heart": 1}},
            {"input_resources": {"ore": 2}},
            {"max_output": 255},
            {"output_resources": {"ore": 1, "heart": 1}, "max_output": 256},
            {"output_resources": {}, "max_output": 0},
        ],
    )
    def test_one_that_ends_is_fine(self, make_game: Any, changes: dict[str, Any]) -> None:
        self.converter(make_game, **changes)


class TestAgentSettings:
    def test_group_without_props_has_the_common_settings(self, make_game: Any) -> None:
        game = GameConfig.model_validate(make_game())
        assert game.agent_settings("red") == game.agent == game.agent_settings("blue")

    def test_given_props_replace_whole_values(self, make_game: Any) -> None:
        props = {
            "default_resource_limit": 77,
            "resource_limits": {"ore": 3},
            "freeze_duration": 0,
            "rewards": {"inventory": {"battery": 2}},
            "action_failure_penalty": 0,
        }
        game = GameConfig.model_validate(make_game({"groups/blue/props": props, "agent/action_failure_penalty": 0.5}))
        assert game.agent_settings("blue") == AgentGameConfig.model_validate(
            {
                "default_resource_limit": 10,  # a group cannot change this one
                "resource_limits": {"ore": 3},
                "freeze_duration": 0,
                "rewards": {"inventory": {"battery": 2}},
                "action_failure_penalty": 0,
            }
        )
        assert game.agent_settings("red") == game.agent

    def test_only_given_props_replace(self, make_game: Any) -> None:
        game = GameConfig.model_validate(make_game({"groups/blue/props": {"freeze_duration": 1}}))
        assert game.agent_settings("blue") == game.agent.replace(freeze_duration=1)

    def test_survive_json(self, make_game: Any) -> None:
        game = GameConfig.model_validate(make_game({"groups/blue/props": {"freeze_duration": 1}}))
        again = GameConfig.model_validate(game.model_dump(mode="json"))
        assert again.agent_settings("blue") == game.agent_settings("blue")

    def test_props_may_be_agent_settings(self) -> None:
        group = GroupConfig.model_validate({"id": 1, "props": AgentGameConfig(freeze_duration=5)})
        agent = AgentGameConfig(default_resource_limit=9, action_failure_penalty=0.5)
        assert group.props.applied_to(agent) == agent.replace(freeze_duration=5)

    def test_unknown_group(self, make_game: Any) -> None:
        with pytest.raises(ValueError, match=r"^groups: 'green' is not one of \['red', 'blue'\]"):
            GameConfig.model_validate(make_game()).agent_settings("green")


class TestRewards:
    def test_items_in_their_order_with_their_maximum(self) -> None:
        rewards = RewardsConfig.model_validate({"inventory": {"b": 2, "a_max": 3, "a": 1, "c": None, "d_max": 1}})
        assert rewards.item_rewards(["a", "b", "c", "d"]) == {"a": (1.0, 3.0), "b": (2.0, None)}
        assert list(rewards.item_rewards(["b", "a"])) == ["b", "a"]

    def test_an_item_may_be_named_like_a_maximum(self) -> None:
        rewards = RewardsConfig.model_validate({"inventory": {"x": 1, "x_max": 2, "x_max_max": 3}})
        assert rewards.item_rewards(["x", "x_max"]) == {"x": (1.0, None), "x_max": (2.0, 3.0)}
        assert rewards.item_rewards(["x"]) == {"x": (1.0, 2.0)}

    def test_zero_is_a_reward_and_none_is_not(self) -> None:
        rewards = RewardsConfig.model_validate({"inventory": {"a": 0, "b": None, "a_max": None}})
        assert rewards.item_rewards(["a", "b"]) == {"a": (0.0, None)}

    def test_statistics_in_alphabetical_order(self) -> None:
        rewards = RewardsConfig.model_validate({"stats": {"b.c": 1, "a": -0.5, "b.c_max": 2, "z_max": 1}})
        assert list(rewards.stat_rewards().items()) == [("a", (-0.5, None)), ("b.c", (1.0, 2.0))]


def test_replace_merges_single_objects(make_game: Any) -> None:
    game = GameConfig.model_validate(make_game())
    changed = game.replace(objects={"altar": {"cooldown": 3}}, actions={"swap": {"enabled": True}}, obs_width=3)
    assert changed.objects["altar"] == game.objects["altar"].replace(cooldown=3)
    assert changed.objects["mine"] is game.objects["mine"]
    assert "swap" in changed.enabled_actions()
    with pytest.raises(ConfigError, match=r"^objects\.altar\.cooldown: -1 is not in 0\.\.65535"):
        game.replace(objects={"altar": {"cooldown": -1}})
