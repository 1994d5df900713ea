"""Older spellings of game configurations, rewritten as the present ones. Inputs are never modified."""

from collections.abc import Mapping
from typing import Any

from metta_jax.config.errors import custom

_AGENT_FIELDS = frozenset({"default_resource_limit", "resource_limits", "freeze_duration", "rewards"}) | {
    "action_failure_penalty"
}
_LIMIT_SUFFIX = "_max"


def modern_rewards(data: Mapping[str, Any]) -> dict[str, Any]:
    """`{heart: 1, heart_max: 1000}` -> `{inventory: {heart: 1, heart_max: 1000}}`."""
    if not data or not all(_is_number_or_none(value) for value in data.values()):
        return dict(data)
    return {"inventory": dict(data)}


def modern_agent(data: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite `default_item_max`, `<item>_max` and `rewards.action_failure_penalty`."""
    modern = dict(data)
    if "default_item_max" in modern:
        _move(modern, "default_resource_limit", modern.pop("default_item_max"), "default_item_max")
    limits = {
        key.removesuffix(_LIMIT_SUFFIX): modern.pop(key)
        for key in list(modern)
        if isinstance(key, str) and key.endswith(_LIMIT_SUFFIX) and key not in _AGENT_FIELDS
    }
    if limits:
        modern["resource_limits"] = _joined(modern.get("resource_limits"), limits, "resource_limits")
    rewards = modern.get("rewards")
    if isinstance(rewards, Mapping) and "action_failure_penalty" in rewards:
        rewards = dict(rewards)
        penalty = rewards.pop("action_failure_penalty")
        _move(modern, "action_failure_penalty", penalty, "rewards.action_failure_penalty")
        modern["rewards"] = rewards
    return modern


def modern_converter(data: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite `input_<item>`, `output_<item>` and `initial_items`."""
    modern = dict(data)
    for kind in ("input", "output"):
        field, prefix = f"{kind}_resources", f"{kind}_"
        amounts = {
            key.removeprefix(prefix): modern.pop(key)
            for key in list(modern)
            if isinstance(key, str) and key.startswith(prefix) and key != field
        }
        if amounts:
            modern[field] = _joined(modern.get(field), amounts, field)
    if "initial_items" in modern:
        _move(modern, "initial_resource_count", modern.pop("initial_items"), "initial_items")
    return modern


def modern_game(data: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite `reward_sharing.groups.<group>.<group>` as `groups.<group>.group_reward_pct`."""
    modern = dict(data)
    sharing = modern.get("reward_sharing")
    if not isinstance(sharing, Mapping) or not set(sharing) <= {"groups"}:
        return modern
    shares, groups = sharing.get("groups") or {}, modern.get("groups")
    if not isinstance(shares, Mapping) or not isinstance(groups, Mapping):
        return modern
    del modern["reward_sharing"]
    groups = dict(groups)
    for name, share in shares.items():
        path = f"reward_sharing.groups.{name}"
        if not isinstance(share, Mapping) or set(share) != {name}:
            raise custom(f"{path}: {share!r} is not of the form {{{name}: share}}; a group shares with itself only")
        if not isinstance(groups.get(name), Mapping):
            raise custom(f"{path}: {name!r} is not one of the groups {sorted(groups)}")
        group = dict(groups[name])
        _move(group, "group_reward_pct", share[name], path)
        groups[name] = group
    modern["groups"] = groups
    return modern


def _move(target: dict[str, Any], field: str, value: Any, older: str) -> None:
    if field in target and target[field] != value:
        raise custom(f"{older}: {value!r} is not the same as {field}: {target[field]!r}; give one of them")
    target[field] = value


def _joined(present: Any, older: dict[str, Any], field: str) -> Any:
    """The present mapping with the older entries; an item that is in both must have one value."""
    if present is None:
        return older
    if not isinstance(present, Mapping):
        return present
    joined = dict(present)
    for item, value in older.items():
        _move(joined, item, value, f"older spelling of {field}.{item}")
    return joined


def _is_number_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
