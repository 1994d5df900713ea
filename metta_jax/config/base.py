"""The base class of all configurations."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from metta_jax.config.errors import ConfigError, config_error, with_suggestions
from metta_jax.config.yaml_file import read_yaml, write_yaml
from metta_jax.core.frozen_dict import FrozenDict

__all__ = ["Config", "ConfigError", "FrozenDict", "deep_merge"]


class Config(BaseModel, frozen=True):
    """A frozen, hashable, strictly checked description of something.

    An int is accepted for a float, NumPy's numbers for Python's, any sequence for a tuple, any mapping for a mapping or
    a nested configuration. Text for a number, a bool for an int, unknown keys, infinities and NaN are refused. Inputs
    are never modified.
    Errors are `ConfigError`s, which are ValueErrors: `objects.altar.cooldown: -3 is not in 0..65535. ...`.
    Subclasses are declared with `frozen=True` too, for type checkers.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=False,
    )

    if not TYPE_CHECKING:  # Type checkers derive the constructor from the fields.

        def __init__(self, values: Any = None, /, **fields: Any) -> None:
            """Take the fields by name, or one mapping, or both (then names win)."""
            data = {**values, **fields} if isinstance(values, Mapping) else fields if values is None else values
            try:
                self.__pydantic_validator__.validate_python(data, self_instance=self)
            except ValidationError as error:
                raise config_error(error, type(self).__name__) from None

        # Lets pydantic build nested objects itself, not through this constructor and its error conversion.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """A configuration from a mapping; a ConfigError names every problem by its full path."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise config_error(error, cls.__name__) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """A configuration from JSON text; errors as in `model_validate`."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise config_error(error, cls.__name__) from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """A configuration from a YAML file. Raises a ConfigError, or a ValueError if the file is not YAML."""
        return cls.model_validate(read_yaml(path))

    def to_yaml(self, path: str | Path) -> None:
        """Write a YAML file that `from_yaml` reads as the same configuration.

        Keys keep their order: maps are drawn in the order in which a builder names its objects.
        """
        write_yaml(path, self.model_dump(mode="json"))

    def replace(self, values: Mapping[str, Any] | None = None, /, **changes: Any) -> Self:
        """A new, fully checked configuration with some values changed: `config.replace(ppo={"clip_coef": 0.2})`.

        Nested mappings are merged at every depth. A configuration object or a FrozenDict replaces what it stands for.
        """
        return type(self).model_validate(deep_merge(self, {**(values or {}), **changes}))

    @model_validator(mode="wrap")
    @classmethod
    def _accept_any_mapping(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, Mapping):
            data = {key: _plain(value) for key, value in data.items()}
        try:
            return handler(data)
        except ValidationError as error:
            raise with_suggestions(error, cls.__name__, cls.model_fields) from None


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, including inside containers; everything else unchanged."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value


def deep_merge(base: Config | Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The items of `base` with `changes` written over them; where both hold mappings, these are merged likewise.

    Of a configuration only what was given explicitly is taken. A configuration object or a FrozenDict among the
    changes replaces what it stands for.
    """
    if isinstance(base, Config):
        fields = type(base).model_fields
        old_values = {name: getattr(base, name) for name in fields}
        # A default that is passed on would look as if it had been chosen.
        merged = {name: old_values[name] for name in fields if name in base.model_fields_set}
        names = {field.alias: name for name, field in fields.items() if field.alias}
    else:
        old_values, merged, names = dict(base), dict(base), {}
    for key, change in changes.items():
        name = names.get(key, key)
        old = old_values.get(name)
        mergeable = isinstance(change, Mapping) and not isinstance(change, FrozenDict)
        merged[name] = deep_merge(old, change) if mergeable and isinstance(old, Config | Mapping) else change
    return merged
