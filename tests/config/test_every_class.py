"""Rules that hold for every configuration class."""

from __future__ import annotations

import collections
import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import metta_jax.config as config_package
from metta_jax.config import (
    AgentConfig,
    AttackActionConfig,
    CheckpointConfig,
    Config,
    ConfigError,
    ConverterConfig,
    EnvConfig,
    FrozenDict,
    GameConfig,
    OptimizerConfig,
    PPOConfig,
    SimulationSuiteConfig,
    TrainerConfig,
)

CLASSES = sorted(
    {value for value in vars(config_package).values() if isinstance(value, type) and issubclass(value, Config)}
    - {Config},
    key=lambda kind: kind.__name__,
)
# The least that a class needs; the others are made without arguments.
REQUIRED: dict[str, dict[str, Any]] = {
    "ActionConfig": {"enabled": True},
    "AttackActionConfig": {"enabled": True},
    "ChangeGlyphActionConfig": {"enabled": True},
    "ConverterConfig": {"max_output": 1, "conversion_ticks": 1, "cooldown": 1, "initial_resource_count": 0},
    "GroupConfig": {"id": 0},
    "KickstartTeacherConfig": {"teacher_uri": "a"},
    "RewardsConfig": {"inventory": {"a": 1}},
    "SimulationSuiteConfig": {"name": "a", "simulations": {"b": {"env": "c"}}},
    "SingleEnvSimulationConfig": {"env": "a"},
    "WallConfig": {"type_id": 1},
}


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
def config(request: pytest.FixtureRequest, make_game: Any) -> Config:
    """An object of each class with nothing but what it needs."""
    kind = request.param
    if kind is GameConfig:
        return GameConfig.model_validate(make_game())
    if kind is EnvConfig:
        return EnvConfig(game=make_game(), map_builder={"type": "RandomRoom", "width": 3, "height": 4})
    return kind(REQUIRED.get(kind.__name__, {}))


def test_all_classes_are_found() -> None:
    assert len(CLASSES) >= 30
    assert {GameConfig, TrainerConfig, PPOConfig, ConverterConfig} <= set(CLASSES)


def test_no_field_lacks_a_description(config: Config) -> None:
    for name, field in type(config).model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "?")), name
        # The reason for the default, or nothing: that a value is another program's is no reason.
        assert "Default: the original" not in field.description, name


def test_class_and_public_methods_are_documented(config: Config) -> None:
    assert type(config).__doc__
    methods = [value for name, value in vars(type(config)).items() if not name.startswith("_") and callable(value)]
    assert all(method.__doc__ for method in methods)


def test_equal_objects_have_equal_hashes(config: Config) -> None:
    twin = type(config).model_validate(copy.deepcopy(config.model_dump()))
    assert twin == config
    assert hash(twin) == hash(config)
    assert len({twin, config}) == 1


def test_survives_json_in_both_forms(config: Config) -> None:
    assert type(config).model_validate(config.model_dump(mode="json")) == config
    assert type(config).model_validate_json(config.model_dump_json()) == config


def test_survives_pickle_and_copy(config: Config) -> None:
    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(copy.deepcopy(config)) == hash(config)


def test_cannot_be_changed(config: Config) -> None:
    name = next(iter(type(config).model_fields))
    with pytest.raises(ValueError, match="frozen"):
        setattr(config, name, getattr(config, name))


def test_refuses_unknown_keys(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"^zzz: Extra inputs are not permitted$"):
        config.replace(zzz=1)


def test_replace_without_changes_gives_the_same(config: Config) -> None:
    assert config.replace() == config


def test_has_a_json_schema(config: Config) -> None:
    assert type(config).model_json_schema()["properties"].keys() == {
        field.alias or name for name, field in type(config).model_fields.items()
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PPOConfig(clip_coef="0.1"), "clip_coef: Input should be a valid number, not '0.1'"),  # type: ignore
        (lambda: PPOConfig(clip_coef=True), "clip_coef: Input should be a valid number, not True"),
        (lambda: CheckpointConfig(checkpoint_interval=True), "checkpoint_interval: Input should be a valid integer"),
        (lambda: CheckpointConfig(checkpoint_interval=1.0), "checkpoint_interval: Input should be a valid integer"),  # type: ignore
        (lambda: CheckpointConfig(checkpoint_dir=1), "checkpoint_dir: Input should be a valid string, not 1"),  # type: ignore
        (lambda: PPOConfig(norm_adv=1), "norm_adv: Input should be a valid boolean, not 1"),  # type: ignore
        (lambda: PPOConfig(gamma=float("nan")), "gamma: Input should be a finite number, not nan"),
        (lambda: PPOConfig(vf_coef=float("inf")), "vf_coef: Input should be a finite number, not inf"),
        (lambda: OptimizerConfig(type="sgd"), "type: Input should be 'adam' or 'muon', not 'sgd'"),  # type: ignore
        (lambda: AttackActionConfig(enabled=True, defense_resources=[]), "defense_resources: Input should be a valid"),  # type: ignore
        (
            lambda: AttackActionConfig(enabled=True, defense_resources={"a": "1"}),  # type: ignore
            "defense_resources.a: Input should be a valid integer, not '1'",
        ),
        (lambda: PPOConfig(clip_coef=2), "clip_coef: 2 is not .* Input should be less than or equal to 1$"),
        (lambda: PPOConfig(clip_coef=0), "clip_coef: 0 is not .* Input should be greater than 0$"),
        (lambda: PPOConfig(gamma=1.5), r"gamma: 1.5 is not in 0..1. Input should be less than or equal to 1$"),
        (lambda: PPOConfig(ent_coef=-0.5), "ent_coef: -0.5 is not at least 0. Input should be greater than or equal"),
    ],
)
def test_refuses_wrong_types_and_values(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        make()


def test_int_is_fine_for_float() -> None:
    value = PPOConfig(clip_coef=1).clip_coef
    assert value == 1.0
    assert isinstance(value, float)


def test_any_mapping_and_any_sequence_are_fine() -> None:
    mapping = collections.ChainMap({"clip_coef": 0.2}, {"gamma": 0.5})
    teachers = collections.deque([{"teacher_uri": "a"}])
    config = TrainerConfig(
        collections.UserDict(  # type: ignore
            ppo=mapping, env_overrides=collections.UserDict(a=mapping), kickstart={"additional_teachers": teachers}
        )
    )
    assert config.ppo == PPOConfig(clip_coef=0.2, gamma=0.5)
    assert config.env_overrides == {"a": {"clip_coef": 0.2, "gamma": 0.5}}
    assert config.kickstart.additional_teachers is not None
    assert config.kickstart.additional_teachers[0].teacher_uri == "a"


def test_input_is_neither_kept_nor_modified() -> None:
    overrides = {"a": {"b": [1, 2]}}
    data = {"env_overrides": overrides, "ppo": {"clip_coef": 0.2}}
    before = copy.deepcopy(data)
    config = TrainerConfig.model_validate(data)
    assert data == before
    overrides["a"]["b"].append(3)
    assert config.env_overrides["a"]["b"] == (1, 2)


def test_positional_mapping_and_names_can_be_combined() -> None:
    assert PPOConfig({"clip_coef": 0.2, "gamma": 0.5}, gamma=0.25) == PPOConfig(clip_coef=0.2, gamma=0.25)  # type: ignore


def test_error_is_a_pydantic_error_with_full_paths() -> None:
    with pytest.raises(ValidationError) as caught:
        TrainerConfig.model_validate({"ppo": {"clipcoef": 1, "gamma": 2}, "kickstart": {"additional_teachers": [{}]}})
    assert isinstance(caught.value, ValueError)
    assert caught.value.title == "TrainerConfig"
    assert [(error["loc"], error["type"]) for error in caught.value.errors()] == [
        (("ppo", "gamma"), "less_than_equal"),
        (("ppo", "clipcoef"), "extra_forbidden"),
        (("kickstart", "additional_teachers", 0, "teacher_uri"), "missing"),
    ]
    assert str(caught.value).splitlines() == [
        "3 problems in TrainerConfig:",
        "  ppo.gamma: 2 is not in 0..1. Input should be less than or equal to 1",
        "  ppo.clipcoef: Extra inputs are not permitted (did you mean 'clip_coef'?)",
        "  kickstart.additional_teachers.0.teacher_uri: Field required",
    ]


def test_error_keeps_braces_and_shortens_long_values() -> None:
    with pytest.raises(ConfigError, match=r"^clip_coef: Input should be a valid number, not '\{a\}\{message\}'$"):
        PPOConfig(clip_coef="{a}{message}")  # type: ignore
    with pytest.raises(ConfigError, match=r"not 'x{56}\.\.\.$"):
        PPOConfig(clip_coef="x" * 500)  # type: ignore


def test_errors_of_every_entrance_are_alike() -> None:
    for make in (
        lambda: PPOConfig(clip_coef=2),
        lambda: PPOConfig.model_validate({"clip_coef": 2}),
        lambda: PPOConfig.model_validate_json('{"clip_coef": 2}'),
        lambda: PPOConfig().replace(clip_coef=2),
    ):
        with pytest.raises(ConfigError, match=r"^clip_coef: 2 is not"):
            make()
    with pytest.raises(ConfigError, match=r"^PPOConfig: Input should be a valid dictionary"):
        PPOConfig.model_validate(3)


def test_replace_merges_at_every_depth() -> None:
    config = TrainerConfig(ppo=PPOConfig(clip_coef=0.2, gamma=0.5), env_overrides=FrozenDict({"a": {"b": 1, "c": 2}}))
    changed = config.replace(ppo={"clip_coef": 0.3}, env_overrides={"a": {"c": 3}}, verbose=False)
    assert changed.ppo == PPOConfig(clip_coef=0.3, gamma=0.5)
    assert changed.env_overrides == {"a": {"b": 1, "c": 3}}
    assert not changed.verbose
    assert config.ppo.clip_coef == 0.2


def test_replace_by_objects_replaces_whole() -> None:
    config = TrainerConfig(ppo=PPOConfig(clip_coef=0.2), env_overrides=FrozenDict({"a": 1}))
    changed = config.replace(ppo=PPOConfig(gamma=0.5), env_overrides=FrozenDict({"b": 1}))
    assert changed.ppo == PPOConfig(gamma=0.5)
    assert changed.env_overrides == {"b": 1}


def test_replace_checks_everything_again() -> None:
    config = TrainerConfig(batch_size=1024, minibatch_size=512)
    with pytest.raises(ConfigError, match=r"^ppo\.clipcoef: Extra inputs are not permitted"):
        config.replace(ppo={"clipcoef": 1})
    with pytest.raises(ConfigError, match="minibatch_size must be <= batch_size"):
        config.replace(batch_size=256)
    assert config.batch_size == 1024


def test_replace_keeps_what_was_given_apart_from_defaults() -> None:
    suite = SimulationSuiteConfig.model_validate({"name": "a", "simulations": {"b": {"env": "c"}}})
    assert suite.replace(name="d").model_fields_set == {"name", "simulations"}


def test_yaml_files(tmp_path: Path) -> None:
    path = tmp_path / "trainer.yaml"
    path.write_text(
        "optimizer: {learning_rate: 3e-4, eps: 1E-8}\n"
        "verbose: no\n"
        "env_overrides:\n"
        "  first: &first {name: 1e, other: e5, number: -2.5e3}\n"
        "  second: {<<: *first, name: changed}\n"
    )
    config = TrainerConfig.from_yaml(path)
    assert config.optimizer == OptimizerConfig(learning_rate=3e-4, eps=1e-8)
    assert not config.verbose
    assert config.env_overrides["first"] == {"name": "1e", "other": "e5", "number": -2500.0}
    assert config.env_overrides["second"] == {"name": "changed", "other": "e5", "number": -2500.0}
    with pytest.raises(ConfigError, match=r"optimizer: Extra inputs"):
        PPOConfig.from_yaml(path)


def test_yaml_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ppo.yaml"
    path.write_text("gamma: 0.5\ngamma: 0.6\n")
    with pytest.raises(ValueError, match=r"ppo\.yaml: key 'gamma' is given twice\n.*line 2"):
        PPOConfig.from_yaml(path)
    path.write_text("gamma: [\n")
    with pytest.raises(ValueError, match=r"ppo\.yaml: "):
        PPOConfig.from_yaml(path)
    with pytest.raises(FileNotFoundError):
        PPOConfig.from_yaml(tmp_path / "nothing.yaml")


def test_values_without_a_hash_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^env_overrides: a value of type bytearray cannot be stored"):
        TrainerConfig(env_overrides={"a": bytearray(b"b")})  # type: ignore


def test_agent_config_is_made_from_a_name_too() -> None:
    assert AgentConfig("fast") == AgentConfig(preset="fast")  # type: ignore
