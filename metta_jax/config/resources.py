"""Uses of resources that a game does not have, and the game without them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from metta_jax.config.actions import ActionConfig, AttackActionConfig
from metta_jax.config.game_agent import MAXIMUM_SUFFIX, AgentGameConfig, GroupConfig
from metta_jax.config.objects import ConverterConfig, WallConfig
from metta_jax.core.frozen_dict import FrozenDict

ORIGINAL_ITEMS = (
    "ore_red", "ore_blue", "ore_green", "battery_red", "battery_blue", "battery_green", "heart", "armor", "laser",
    "blueprint",
)  # fmt: skip
"""The items of MettaGrid. Its worlds leave out the last two, and name them in recipes, costs and rewards."""

Path = tuple[str, ...]
Part = TypeVar("Part", bound=Any)


class ResourceFilter:
    """A filter of resources that are not in `items`, out of parts of a game; `dropped` lists them as (path, name)."""

    def __init__(self, items: tuple[str, ...]) -> None:
        self.items = frozenset(items)
        self.dropped: list[tuple[Path, str]] = []

    def action(self, path: Path, action: ActionConfig) -> ActionConfig:
        """An action without unknown resources.

        Required resources that are all unknown become an empty mapping, which is not the same as None: the action
        requires nothing then, even if it consumes something.
        """
        fields = ["required_resources", "consumed_resources"]
        if isinstance(action, AttackActionConfig):
            fields.append("defense_resources")
        return self._filtered(path, action, fields, self._is_item)

    def agent(self, path: Path, agent: AgentGameConfig) -> AgentGameConfig:
        """Agent settings without unknown resources."""
        return self._agent_like(path, agent)

    def group(self, path: Path, group: GroupConfig) -> GroupConfig:
        """A group without unknown resources."""
        return _changed(group, {"props": self._agent_like((*path, "props"), group.props)})

    def object(self, path: Path, thing: ConverterConfig | WallConfig) -> ConverterConfig | WallConfig:
        """An object without unknown resources."""
        if isinstance(thing, WallConfig):
            return thing
        return self._filtered(path, thing, ["input_resources", "output_resources"], self._is_item)

    def _agent_like(self, path: Path, settings: Part) -> Part:
        settings = self._filtered(path, settings, ["resource_limits"], self._is_item)
        if settings.rewards is None:
            return settings
        rewards = self._filtered((*path, "rewards"), settings.rewards, ["inventory"], self._is_reward)
        return _changed(settings, {"rewards": rewards})

    def _filtered(self, path: Path, part: Part, fields: list[str], is_known: Callable[[str], bool]) -> Part:
        return _changed(part, {field: self._known((*path, field), getattr(part, field), is_known) for field in fields})

    def _known(self, path: Path, amounts: Mapping[str, Any] | None, is_known: Callable[[str], bool]) -> Any:
        unknown = [name for name in amounts or () if not is_known(name)]
        if amounts is None or not unknown:
            return amounts
        self.dropped += [(path, name) for name in unknown]
        return FrozenDict({name: amount for name, amount in amounts.items() if is_known(name)})

    def _is_item(self, name: str) -> bool:
        return name in self.items

    def _is_reward(self, name: str) -> bool:
        return name in self.items or (name.endswith(MAXIMUM_SUFFIX) and name.removesuffix(MAXIMUM_SUFFIX) in self.items)


def is_original(name: str) -> bool:
    """Whether MettaGrid has this item, or a maximum for one."""
    return name.removesuffix(MAXIMUM_SUFFIX) in ORIGINAL_ITEMS


def _changed(part: Part, changes: dict[str, Any]) -> Part:
    """The part itself if nothing changes. Not validated again: what is left of a valid part is valid."""
    changes = {name: value for name, value in changes.items() if value is not getattr(part, name)}
    return part.model_copy(update=changes) if changes else part
