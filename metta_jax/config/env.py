"""The configuration of an environment: a game and how its maps are made."""

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PlainSerializer, field_validator, model_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.errors import custom
from metta_jax.config.fields import Names, Share
from metta_jax.config.frozen_dict import FrozenMapping, freeze
from metta_jax.config.game import GameConfig

_KEYS_INSIDE_GAME = ("map_builder", "diversity_bonus")


def _hashable(value: Any) -> Any:
    try:
        return freeze(value)
    except ValueError as error:
        raise custom(str(error), "not_hashable") from None


def _described(value: Any) -> Any:
    """Builder objects as {"type": class name, field: value, ...}: for people to read, not to be loaded again."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: _described(getattr(value, field.name)) for field in dataclass_fields(value)}
        return {"type": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {key: _described(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_described(item) for item in value]
    return value


Frozen = Annotated[Any, AfterValidator(_hashable), PlainSerializer(_described)]


class EnvConfig(Config, frozen=True):
    """A world: the rules of its game and the builder of its maps.

    Takes the original's form too, in which `map_builder` and `diversity_bonus` are keys of the game.
    """

    game: GameConfig = Field(description="The rules.")
    map_builder: Frozen = Field(description="Makes the maps: a builder object that can be hashed, or its parameters.")
    labels: Names = Field(
        default=(), description="Words that statistics of these maps are counted under. Default: none."
    )
    sampling: Share = Field(
        default=0.0,
        description="How far sampled numbers may move from their centre, 1: over their whole range. Default: not at "
        "all.",
    )
    diversity_bonus: FrozenMapping[str, Any] = Field(
        default=FrozenDict(),
        description="Accepted for the original's configurations; must not be enabled. Default: it is not.",
    )

    def replace(self, values: Mapping[str, Any] | None = None, /, **changes: Any) -> Self:
        """As for every configuration; `game.map_builder` means `map_builder`, as in the original's form."""
        return super().replace(_taken_out_of_game({**(values or {}), **changes}))

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
    """The values with the keys that the original keeps inside the game beside it."""
    outer = dict(data)
    if isinstance(outer.get("game"), Mapping):
        game = dict(outer["game"])
        for key in _KEYS_INSIDE_GAME:
            if key in game:
                if key in outer:
                    raise custom(f"{key}: given twice, also as game.{key}")
                outer[key] = game.pop(key)
        outer["game"] = game
    if outer.get("diversity_bonus", ...) is None:
        del outer["diversity_bonus"]
    return outer
