"""AgentConfig, EnvConfig and PolicyStoreConfig."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest

from metta_jax.config import (
    AGENT_PRESETS,
    AgentConfig,
    CheckpointConfig,
    ConfigError,
    EnvConfig,
    FrozenDict,
    GameConfig,
    PolicyStoreConfig,
    TrainerConfig,
)
from metta_jax.mapgen import MapGen, Maze, RandomRoom

COMPONENTS = {
    "_core_": {"_target_": "metta.agent.lib.lstm.LSTM", "sources": [{"name": "fc"}], "output_size": 8, "nn_params": {}}
}
DEFINITION = {"observations": {"obs_key": "grid_obs"}, "components": COMPONENTS}


class TestAgent:
    def test_presets(self) -> None:
        assert AgentConfig() == AgentConfig.model_validate("default") == AgentConfig.model_validate({})
        for name in AGENT_PRESETS:
            config = AgentConfig.model_validate(name)
            assert config.preset == name
            assert not config.components
            assert config == AgentConfig.model_validate({"agent": name})
        assert AGENT_PRESETS == ("default", "fast", "latent_attn_tiny", "latent_attn_small", "latent_attn_med")

    def test_defaults(self) -> None:
        config = AgentConfig()
        assert (config.clip_range, config.analyze_weights_interval, config.l2_init_weight_update_interval) == (
            0,
            300,
            0,
        )
        assert config.observations.obs_key == "grid_obs"

    def test_all_forms_of_a_definition_are_the_same(self) -> None:
        config = AgentConfig.model_validate(DEFINITION)
        assert config.preset is None
        assert config.components["_core_"]["sources"] == (FrozenDict({"name": "fc"}),)
        assert config == AgentConfig.model_validate({"agent": DEFINITION})
        target = {"_target_": "metta.agent.metta_agent.MettaAgent"}
        assert config == AgentConfig.model_validate({"agent": DEFINITION | target})
        assert AgentConfig.model_validate({"device": "cpu", "agent": DEFINITION}) == config.replace(device="cpu")
        assert AgentConfig.model_validate(config.model_dump(mode="json")) == config

    def test_form_of_the_guide(self) -> None:
        data = {
            "device": "cuda",
            "agent": {
                "clip_range": 0,
                "analyze_weights_interval": 300,
                "observations": {"obs_key": "grid_obs"},
                "components": {},
            },
        }
        before = copy.deepcopy(data)
        assert AgentConfig.model_validate(data) == AgentConfig(device="cuda")
        assert data == before

    def test_regularizers_of_a_preset(self) -> None:
        config = AgentConfig.model_validate({"preset": "fast", "clip_range": 0.5})
        assert config == AgentConfig(preset="fast").replace(clip_range=0.5)
        assert AgentConfig.model_validate({"clip_range": 0.5}).preset == "default"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"components": COMPONENTS}, "Configuration is missing required field 'observations.obs_key'"),
            ({"agent": {"components": COMPONENTS}}, "Configuration is missing required field 'observations.obs_key'"),
            ({"agent": {"components": {}}}, "Configuration is missing required field 'observations.obs_key'"),
            ({"observations": {}}, "Configuration is missing required field 'observations.obs_key'"),
            ({"observations": {"obs_key": "rgb"}}, r"observations\.obs_key: Input should be 'grid_obs', not 'rgb'"),
            ("slow", "preset: Input should be 'default', 'fast', .*, not 'slow'"),
            (DEFINITION | {"preset": "fast"}, "preset: 'fast' cannot be combined with components"),
            ({"preset": None}, "preset: None needs components"),
            ({"clip_range": -1}, "clip_range: -1 is not at least 0"),
            ({"analyze_weights_interval": -1}, "analyze_weights_interval: -1 is not at least 0"),
            (
                {"l2_init_weight_update_interval": 1.5},
                "l2_init_weight_update_interval: Input should be a valid integer",
            ),
            ({"agent": {"cliprange": 1}}, r"cliprange: Extra inputs are not permitted \(did you mean 'clip_range'\?\)"),
            ({"agent": 3}, "agent: 3 is not the name of a network or a mapping"),
            ({"device": "cpu", "agent": {"device": "gpu"}}, r"device: given twice, also as agent\.device"),
            ({"_target_": "other.Agent"}, "_target_: 'other.Agent' is not MettaAgent"),
            (DEFINITION | {"components": {"a": 3}}, r"components\.a: Input should be a valid dictionary, not 3"),
        ],
    )
    def test_refuses(self, data: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=f"^(AgentConfig: )?{message}"):
            AgentConfig.model_validate(data)


@dataclass(frozen=True)
class Room:
    """A builder of somebody's own."""

    size: tuple[int, int]
    inner: Any = None

    def build(self, rng: Any) -> Any:
        raise NotImplementedError


@dataclass
class Changeable:
    size: int

    build = Room.build


def test_an_agent_of_the_original_may_say_which_policy_it_is_for() -> None:
    selector = {"type": "top", "range": 1, "metric": "final.score"}
    plain = AgentConfig.model_validate(DEFINITION)
    assert AgentConfig.model_validate(DEFINITION | {"policy_selector": selector}) == plain
    assert AgentConfig.model_validate({"agent": DEFINITION | {"policy_selector": selector}}) == plain


class TestEnv:
    def test_defaults(self, make_game: Any) -> None:
        config = EnvConfig(game=GameConfig.model_validate(make_game()), map_builder=Room((3, 4)))
        assert config.labels == ()
        assert config.sampling == 0
        assert config.map_builder == Room((3, 4))
        assert isinstance(hash(config), int)
        with pytest.raises(ConfigError, match=r"^map_builder: Field required"):
            EnvConfig.model_validate({"game": make_game()})

    def test_original_form(self, make_game: Any) -> None:
        builder = {"_target_": "metta.mettagrid.room.random.Random", "width": 3, "height": 4, "objects": {"altar": 1}}
        game = make_game({"map_builder": builder, "diversity_bonus": {"enabled": False}})
        named = {"num_agents": 1, "agents": 3, "group_reward_pct": 0}
        data = {"game": game, "sampling": 1, **named}
        before = copy.deepcopy(data)
        config = EnvConfig.model_validate(data)
        assert data == before
        assert config.game == GameConfig.model_validate(make_game())
        assert config.map_builder == RandomRoom(width=3, height=4, objects={"altar": 1})
        assert config.diversity_bonus == {"enabled": False}
        assert config.sampling == 1
        # In this form nobody would look for them at another place than in the game.
        for name, value in named.items():
            with pytest.raises(ConfigError, match=f"^{name}: Extra inputs are not permitted"):
                EnvConfig.model_validate({"game": make_game(), "map_builder": builder, name: value})

    def test_builders_are_written_out_for_reading(self, make_game: Any) -> None:
        builder = Room((3, 4), inner=FrozenDict({"a": [Room((1, 2))]}))
        config = EnvConfig(game=GameConfig.model_validate(make_game()), map_builder=builder, labels=("a",))
        dumped = config.model_dump(mode="json")
        assert dumped["map_builder"] == {
            "type": "Room",
            "size": [3, 4],
            "inner": {"a": [{"type": "Room", "size": [1, 2], "inner": None}]},
        }
        assert dumped["labels"] == ["a"]

    def test_replace_reaches_the_game_and_the_builder(self, make_game: Any) -> None:
        room = RandomRoom(width=3, height=4, objects={"wall": 1, "altar": 1})
        config = EnvConfig(game=GameConfig.model_validate(make_game()), map_builder=room)
        changed = config.replace(game={"max_steps": 7, "map_builder": {"height": 5, "objects": {"altar": 2}}})
        assert changed.game.max_steps == 7
        assert changed.map_builder == RandomRoom(width=3, height=5, objects={"wall": 1, "altar": 2})
        assert config.replace(map_builder=Room((1, 1))).map_builder == Room((1, 1))
        deep = config.replace(map_builder={"type": "MapGen", "root": {"type": "Maze"}, "width": 9, "height": 9})
        assert deep.map_builder == MapGen(Maze(), width=9, height=9)
        assert deep.replace(map_builder={"root": {"params": {"room_size": 2}}}).map_builder.root == Maze(room_size=2)
        with pytest.raises(ConfigError, match=r"^map_builder\.root: Maze\.rom_size: there is no .*'room_size'"):
            deep.replace(map_builder={"root": {"rom_size": 2}})
        own = config.replace(map_builder=Room((1, 1))).replace(map_builder={"inner": 3})
        assert own.map_builder == Room((1, 1), inner=3)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"game": {"max_steps": -1}}, r"game\.max_steps: -1 is not in 0"),
            (
                {"game": {"actions": {"attack": {"required_resources": {"ore": 0}}}}},
                r"game\.actions\.attack\.required_",
            ),
            ({"sampling": 1.5}, r"sampling: 1\.5 is not in 0\.\.1"),
            ({"labels": "a"}, "labels: Input should be a valid tuple, not 'a'"),
            ({"map_builder": Changeable(3)}, "map_builder: a value of type Changeable cannot be stored"),
            ({"map_builder": 3}, "map_builder: 3 is not a map builder, it has no method build"),
            ({"map_builder": RandomRoom}, "map_builder: <class .*RandomRoom'> is not a map builder"),
            ({"map_builder": Maze()}, "map_builder: Maze is a scene, which a MapGen draws"),
            ({"map_builder": {"type": "RandomRoom"}}, r"map_builder: RandomRoom\.width: is missing"),
            (
                {"map_builder": {"type": "MapGen", "root": {"type": "Maze", "wall_size": 0}}},
                r"map_builder\.root: Maze\.wall_size: 0 is not at least 1",
            ),
            ({"diversity_bonus": {"enabled": True}}, "diversity_bonus: enabled is True, not False"),
            ({"map_builder": 1, "game": {"map_builder": 2}}, r"(EnvConfig: )?map_builder: given twice, also as game"),
        ],
    )
    def test_refuses(self, make_game: Any, values: dict[str, Any], message: str) -> None:
        config = EnvConfig(game=GameConfig.model_validate(make_game()), map_builder=Room((3, 4)))
        with pytest.raises(ValueError, match=f"^{message}"):
            config.replace(values)


class TestStore:
    def test_directory_and_fields(self) -> None:
        assert PolicyStoreConfig().checkpoint_dir == TrainerConfig().paths.checkpoints
        assert PolicyStoreConfig().policy_cache_size == 10
        assert PolicyStoreConfig.model_validate("./c") == PolicyStoreConfig(checkpoint_dir="./c")

    def test_form_of_the_guide(self) -> None:
        data = {
            "device": "cpu",
            "policy_cache_size": 3,
            "trainer": {"checkpoint": {"checkpoint_dir": "./checkpoints"}},
        }
        before = copy.deepcopy(data)
        expected = PolicyStoreConfig(device="cpu", policy_cache_size=3, checkpoint_dir="./checkpoints")
        assert PolicyStoreConfig.model_validate(data) == expected
        assert PolicyStoreConfig.model_validate(data | {"run": "a", "run_dir": "b"}) == expected
        assert data == before
        trainer = TrainerConfig(checkpoint=CheckpointConfig(checkpoint_dir="./checkpoints"))
        assert PolicyStoreConfig.model_validate({**data, "trainer": trainer}) == expected

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"policy_cache_size": 0}, "policy_cache_size: Cache size must be positive"),
            ({"policy_cache_size": "3"}, "policy_cache_size: Input should be a valid integer, not '3'"),
            (
                {"trainer": {"checkpoint": {}}},
                r"PolicyStoreConfig: trainer\.checkpoint\.checkpoint_dir: Field required",
            ),
            ({"trainer": 3}, "PolicyStoreConfig: trainer: 3 is not a mapping"),
            ({"dir": "a"}, "dir: Extra inputs are not permitted"),
            (3, "PolicyStoreConfig: Input should be a valid dictionary"),
        ],
    )
    def test_refuses(self, data: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=f"^{message}"):
            PolicyStoreConfig.model_validate(data)
