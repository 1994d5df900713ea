"""The configuration of an environment: a game and how its maps are made."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema, core_schema

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.errors import Problem, config_error, custom, problems_error
from metta_jax.config.fields import Names, Share
from metta_jax.config.game import GameConfig
from metta_jax.core.frozen_dict import FrozenMapping, freeze

_KEYS_INSIDE_GAME = ("map_builder", "diversity_bonus")
# In the original's files, values for other places to refer to. What they refer to is written out when they are read.
_NAMED_VALUES = ("num_agents", "agents", "group_reward_pct")


class _BuilderField:
    """Read a map builder from plain data, write it as plain data."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(
            _read_builder, serialization=core_schema.plain_serializer_function_ser_schema(_plain)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        return {"type": "object"}


def _read_builder(value: Any) -> Any:
    from metta_jax.mapgen import PlainError, read_builder  # late: most configurations have no maps

    try:
        return freeze(read_builder(value))
    except PlainError as error:
        path = (error.place,) if error.place else ()
        raise problems_error("EnvConfig", [Problem(path, error.problem, value)]) from None
    except ValueError as error:
        raise custom(str(error), "not_hashable") from None


def _changed_builder(builder: Any, changes: Mapping[str, Any]) -> Any:
    from metta_jax.mapgen import PlainError, with_changes

    try:
        return with_changes(builder, changes)
    except PlainError as error:
        path = f"map_builder.{error.place}" if error.place else "map_builder"
        problems = problems_error("EnvConfig", [Problem((path,), error.problem, changes)])
        raise config_error(problems, "EnvConfig") from None


def _plain(builder: Any) -> Any:
    from metta_jax.mapgen import plain

    return plain(builder)


Builder = Annotated[Any, _BuilderField()]


class EnvConfig(Config, frozen=True):
    """A world: the rules of its game and the builder of its maps.

    Also accepts MettaGrid's form, in which `map_builder` and `diversity_bonus` are keys of the game. A world that is
    written as YAML or JSON and read again has the same maps for the same seed.
    """

    game: GameConfig = Field(description="The rules.")
    map_builder: Builder = Field(
        description="Makes the maps: a builder object that can be hashed, or a mapping of its fields, with its class's "
        "name as `type`. A mapping becomes the object."
    )
    labels: Names = Field(
        default=(), description="Words that statistics of these maps are counted under. Default: none."
    )
    sampling: Share = Field(
        default=0.0,
        description="How far sampled numbers may move from their center, 1: over their whole range. Default: not at "
        "all.",
    )
    diversity_bonus: FrozenMapping[str, Any] = Field(
        default=FrozenDict(),
        description="Accepted so that MettaGrid's configurations load; must not be enabled. Default: it is not.",
    )

    def replace(self, values: Mapping[str, Any] | None = None, /, **changes: Any) -> Self:
        """As for every configuration; `game.map_builder` means `map_builder`, as in MettaGrid's form.

        A mapping without a class's name changes the builder: `config.replace(map_builder={"root": {"rows": 3}})`.
        """
        changed = _taken_out_of_game({**(values or {}), **changes})
        builder = changed.get("map_builder")
        if isinstance(builder, Mapping) and not isinstance(builder, FrozenDict):
            changed["map_builder"] = _changed_builder(self.map_builder, builder)
        return super().replace(changed)

    @model_validator(mode="before")
    @classmethod
    def _accept_original_form(cls, data: Any) -> Any:
        return _taken_out_of_game(data) if isinstance(data, dict) else data

    @field_validator("diversity_bonus", mode="after")
    @classmethod
    def _check_no_bonus(cls, value: FrozenMapping[str, Any]) -> FrozenMapping[str, Any]:
        if value.get("enabled", False):
            raise custom("enabled is True, not False: multiply rewards by metta_jax.rl.diversity_factors instead")
        return value


def _taken_out_of_game(data: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with the keys that MettaGrid keeps inside the game moved next to it."""
    outer = dict(data)
    if isinstance(outer.get("game"), Mapping):
        game = dict(outer["game"])
        for key in _KEYS_INSIDE_GAME:
            if key in game:
                if key in outer:
                    raise custom(f"{key}: given twice, also as game.{key}")
                outer[key] = game.pop(key)
        if len(game) < len(outer["game"]):
            outer = {key: value for key, value in outer.items() if key not in _NAMED_VALUES}
        outer["game"] = game
    if outer.get("diversity_bonus", ...) is None:
        del outer["diversity_bonus"]
    return outer
