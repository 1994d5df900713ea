"""Changing one value deep inside an environment: `game.objects.altar.cooldown`, `map_builder.root.objects.altar`.

Host code. A path goes through configurations, builder objects and mappings. It must exist: fields of configurations and
builders always, and keys of mappings, except that amounts by item may be set for every item that the game has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from metta_jax.config import EnvConfig, FrozenDict
from metta_jax.config.base import Config
from metta_jax.core.hints import hint
from metta_jax.mapgen import with_sampling

# Mappings from items to numbers, in which a missing item means none of it.
_BY_ITEM = (
    "inventory", "resource_limits", "consumed_resources", "required_resources", "defense_resources", "input_resources",
    "output_resources",
)  # fmt: skip
_BUILDER = "map_builder"


def override(env_config: EnvConfig, changes: Mapping[str, Any]) -> EnvConfig:
    """The environment with some values replaced.

    Args:
      changes: dotted path -> value; nested mappings mean the same: `{"game": {"max_steps": 5}}`. `game.map_builder` is
        another spelling of `map_builder`, and the level `params` of the original's scenes may be there or not.

    Raises:
      ValueError: a path that the environment does not have, or a value that is not allowed there.
    """
    items = frozenset(env_config.game.inventory_item_names)
    for path, value in flat(changes).items():
        parts = path.split(".")
        if parts[:2] == ["game", _BUILDER]:
            parts = parts[1:]
        env_config = _set(env_config, parts, value, path, items)
    return env_config


def changed(env_config: EnvConfig, changes: Mapping[str, Any], sampling: float | None) -> EnvConfig:
    """`override`; with `sampling`, how far the numbers of the map builder move from their centers."""
    if sampling is not None:
        builder = with_sampling(env_config.map_builder, float(sampling))
        env_config = env_config.model_copy(update={"map_builder": builder, "sampling": float(sampling)})
    return override(env_config, changes)


def flat(changes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted paths."""
    result: dict[str, Any] = {}
    for key, value in changes.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _set(node: Any, parts: list[str], value: Any, path: str, items: frozenset[str]) -> Any:
    if not parts:
        return value
    key, rest = parts[0], parts[1:]
    if isinstance(node, Config):
        _check_key(key, type(node).model_fields, path)
        new = _set(getattr(node, key), rest, value, path, items)
        try:
            return type(node).model_validate({**{k: getattr(node, k) for k in node.model_fields_set}, key: new})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    if isinstance(node, Mapping):
        if key not in node and not (not rest and key.removesuffix("_max") in items and _is_by_item(path)):
            _check_key(key, node, path)
        return FrozenDict({**node, key: _set(node.get(key), rest, value, path, items)})
    if isinstance(node, tuple) and key.isdecimal() and int(key) < len(node):
        i = int(key)
        return (*node[:i], _set(node[i], rest, value, path, items), *node[i + 1 :])
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = [field.name for field in dataclasses.fields(node) if field.init]
        if key == "params" and rest and key not in fields:  # a level that the original's files have
            return _set(node, rest, value, path, items)
        _check_key(key, fields, path)
        try:
            return dataclasses.replace(node, **{key: _set(getattr(node, key), rest, value, path, items)})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    raise ValueError(f"{path}: the environment has no such value: there is nothing inside {node!r}")


def _is_by_item(path: str) -> bool:
    parts = path.split(".")
    return len(parts) > 1 and parts[-2] in _BY_ITEM


def _check_key(key: str, known: Iterable[str], path: str) -> None:
    known = list(known)
    if key not in known:
        raise ValueError(f"{path}: the environment has no such value: no {key!r}{hint(key, known)}")
