"""What a policy is evaluated on."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, WrapValidator, field_validator

from metta_jax.config.base import Config, FrozenDict, deep_merge
from metta_jax.config.env import EnvConfig
from metta_jax.config.errors import custom
from metta_jax.config.fields import Bounds, Names, PositiveFloat
from metta_jax.config.yaml_file import FILE_ENDINGS
from metta_jax.core.frozen_dict import FrozenMapping, thaw

_PASSED_DOWN = ("num_episodes", "max_time_s", "npc_policy_uri", "policy_agents_pct")


def _path_or_config(value: Any, handler: Any) -> Any:
    # Not through the handler: a union would report the problems of both kinds.
    if isinstance(value, EnvConfig | Mapping):
        return EnvConfig.__pydantic_validator__.validate_python(value)
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        if path.endswith(FILE_ENDINGS):  # as text, another one would be the name of a world
            return path
        raise custom(f"{path!r} does not end in {', '.join(FILE_ENDINGS)}", "env_type")
    raise custom("Input should be the path of a world or an EnvConfig", "env_type")


World = Annotated[str | EnvConfig, WrapValidator(_path_or_config)]
PolicyShare = Annotated[float, Bounds(above=0, at_most=1)]
Episodes = Annotated[int, Bounds(at_least=1)]


class SingleEnvSimulationConfig(Config, frozen=True):
    """Episodes in one world."""

    env: World = Field(description="Path of a named world, an EnvConfig, or a YAML or JSON file of one.")
    num_episodes: Episodes = Field(default=1, description="Number of episodes to play. Default: one, the fewest.")
    max_time_s: PositiveFloat = Field(default=120.0, description="Seconds after which no more steps are taken.")
    env_overrides: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Values of the world that are changed, nested. Default: none."
    )
    npc_policy_uri: str | None = Field(
        default=None, description="Policy of the agents that are not the candidate's. Default: there are none."
    )
    policy_agents_pct: PolicyShare = Field(
        default=1.0, description="Share of the agents that the candidate plays, at least one. Default: all."
    )


class SimulationSuiteConfig(Config, frozen=True):
    """Several simulations under one name.

    What is given here holds for every simulation that does not give it itself; environment overrides are merged, and
    the simulation's win. `simulations` holds the result.
    """

    name: str = Field(description="Name of the suite.")
    num_episodes: Episodes | None = Field(default=None, description="Episodes of each simulation. Default: unset.")
    max_time_s: PositiveFloat | None = Field(
        default=None, description="Seconds after which a simulation takes no more steps. Default: unset."
    )
    env_overrides: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Values that are changed in every world, nested. Default: none."
    )
    npc_policy_uri: str | None = Field(
        default=None, description="Policy of the agents that are not the candidate's. Default: unset."
    )
    policy_agents_pct: PolicyShare | None = Field(
        default=None, description="Share of the agents that the candidate plays. Default: unset."
    )
    episode_tags: Names = Field(default=(), description="Words stored with every episode. Default: none.")
    # Last, so that the other fields are known when it is checked.
    simulations: FrozenMapping[str, SingleEnvSimulationConfig] = Field(
        description="Simulations by name, at least one; the text before the first `/` of a name is its category."
    )

    @field_validator("simulations", mode="after")
    @classmethod
    def _pass_down(cls, value: FrozenMapping[str, Any], info: ValidationInfo) -> FrozenMapping[str, Any]:
        if not value:
            raise custom("at least one simulation is needed", "empty")
        return FrozenDict({name: _with_defaults(simulation, info.data) for name, simulation in value.items()})


def _with_defaults(simulation: SingleEnvSimulationConfig, suite: Mapping[str, Any]) -> SingleEnvSimulationConfig:
    given = simulation.model_fields_set
    changes = {name: suite[name] for name in _PASSED_DOWN if suite.get(name) is not None and name not in given}
    if suite.get("env_overrides"):
        changes["env_overrides"] = FrozenDict(deep_merge(suite["env_overrides"], thaw(simulation.env_overrides)))
    filled = simulation.model_copy(update=changes)
    # What came from the suite was not given by the simulation: a suite made from this one may change it again.
    object.__setattr__(filled, "__pydantic_fields_set__", set(given))
    return filled
