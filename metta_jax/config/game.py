"""The configuration of a game: the rules of one world, without its map."""

import warnings
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from metta_jax.config.actions import ActionsConfig
from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.errors import Problem, custom, problems_error
from metta_jax.config.features import MAX_ITEMS
from metta_jax.config.fields import Bounds, Names, NonNegativeInt32, within
from metta_jax.config.game_agent import MAXIMUM_SUFFIX, AgentGameConfig, GroupConfig
from metta_jax.config.legacy import modern_game
from metta_jax.config.objects import ConverterConfig, ObjectConfig
from metta_jax.config.resources import Path, ResourceFilter, is_original
from metta_jax.core.frozen_dict import FrozenMapping
from metta_jax.core.hints import listing, suggestion

MAX_TOKENS = 2**17  # More than a window of 15 x 15 can have, with the most items and their recipes in every cell.
AGENT_TYPE_ID, AGENT_TYPE_NAME = 0, "agent"
EMPTY_CELLS = ("empty", ".", " ", "")


def _odd_window(value: int) -> int:
    if value % 2 == 0 or not 3 <= value <= 15:
        raise custom(f"{value} is not an odd number in 3..15", "window_size")
    return value


def _item_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > MAX_ITEMS:
        raise custom(f"{len(value)} items are too many: at most {MAX_ITEMS} are allowed", "too_many_items")
    repeated = sorted({name for name in value if value.count(name) > 1})
    if repeated:
        raise custom(f"{repeated} are listed more than once; every name must be unique", "repeated_items")
    if "" in value:
        raise custom("'' is not a name", "empty_name")
    return value


def _at_least_one_group(value: FrozenMapping[str, GroupConfig]) -> FrozenMapping[str, GroupConfig]:
    if not value:
        raise custom("at least one group is needed", "empty")
    return value


WindowSize = Annotated[int, AfterValidator(_odd_window)]


class GlobalObsConfig(Config, frozen=True):
    """Which facts about the episode every agent observes."""

    episode_completion_pct: bool = Field(default=True, description="Show how much of the episode is over.")
    last_action: bool = Field(default=True, description="Show the agent's last action and its argument.")
    last_reward: bool = Field(default=True, description="Show the agent's last reward.")
    resource_rewards: bool = Field(default=False, description="Show which of the first eight items are rewarded.")


class GameConfig(Config, frozen=True):
    """The rules of one world. Field names are those of MettaGrid's configuration files."""

    inventory_item_names: Annotated[Names, AfterValidator(_item_names)] = Field(
        description=f"The items of the game, at most {MAX_ITEMS}, in the order in which the engine goes through them."
    )
    num_agents: Annotated[int, within(1, 256)] = Field(description="Number of agents; maps must have as many.")
    max_steps: NonNegativeInt32 = Field(description="Length of an episode in steps. 0: no limit.")
    episode_truncates: bool = Field(
        default=False,
        description="Whether the step limit truncates episodes. Default: it terminates them, the engine's rule.",
    )
    obs_width: WindowSize = Field(description="Columns that an agent sees, itself in the middle: odd, 3..15.")
    obs_height: WindowSize = Field(description="Rows that an agent sees, itself in the middle: odd, 3..15.")
    num_observation_tokens: Annotated[int, Bounds(at_least=1), Bounds(at_most=MAX_TOKENS)] = Field(
        description="Number of (location, feature, value) triples of an observation; what does not fit is cut off."
    )
    agent: AgentGameConfig = Field(description="Settings of all agents.")
    groups: Annotated[FrozenMapping[str, GroupConfig], AfterValidator(_at_least_one_group)] = Field(
        description="Groups of agents by name, at least one."
    )
    actions: ActionsConfig = Field(description="What agents can do; at least one action is enabled.")
    global_obs: GlobalObsConfig = Field(
        default_factory=GlobalObsConfig, description="Which facts about the episode agents observe."
    )
    objects: FrozenMapping[str, ObjectConfig] = Field(description="Walls and converters by the name that maps use.")
    resource_reward_cap: Literal["per_item", "per_item_reward", "running_total"] = Field(
        default="per_item",
        description="What `<item>_max` limits: 'per_item': the pieces of that item that count (default: the rule that "
        "the numbers of MettaGrid's guide were written for); 'per_item_reward': the reward for that item, MettaGrid's "
        "rule since 22 July 2025, up to rounding; 'running_total': the sum over all items, its rule in the weeks "
        "before.",
    )
    unknown_resources: Literal["original", "drop", "error"] = Field(
        default="original",
        description="How to treat amounts of items that the game does not have. 'original': MettaGrid's own items "
        "(laser, blueprint, ...) are dropped with a warning, and any other name is an error (default: its worlds rely "
        "on the former, and typos are found); 'drop': all are dropped with a warning; 'error': none are allowed.",
    )

    def enabled_actions(self) -> tuple[str, ...]:
        """Configuration names of the enabled actions in alphabetical order: the order of action indices."""
        return tuple(self.actions.enabled())

    def agent_settings(self, group_name: str) -> AgentGameConfig:
        """The settings of the agents of a group. Raises a ValueError if there is no such group."""
        if group_name not in self.groups:
            raise ValueError(f"groups: {group_name!r} is not one of {list(self.groups)}")
        return self.groups[group_name].props.applied_to(self.agent)

    @model_validator(mode="before")
    @classmethod
    def _accept_older_spelling(cls, data: Any) -> Any:
        return modern_game(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*self._resource_problems(), *self._action_problems(), *self._object_problems()]
        if problems:
            raise problems_error(type(self).__name__, problems)
        return self

    def _resource_problems(self) -> list[Problem]:
        if self.unknown_resources == "drop":
            return []
        items, uses = self.inventory_item_names, _filtered(self)[1]
        problems = []
        for path, name in uses:
            if self.unknown_resources == "original" and is_original(name):
                continue
            known = [*items, *(item + MAXIMUM_SUFFIX for item in items)] if path[-1] == "inventory" else items
            meant = suggestion(name, known) or f"; there are {listing(items)}"
            problems.append(Problem((*path, name), f"no item of this name is in inventory_item_names{meant}", name))
        return problems

    def _action_problems(self) -> list[Problem]:
        if not self.actions.enabled():
            return [Problem(("actions",), "no action is enabled; at least one must be")]
        items = ResourceFilter(self.inventory_item_names)
        problems = []
        for name, action in self.actions.enabled().items():
            known = items.action((), action)
            for item, required in known.requirements.items():
                consumed = known.consumed_resources.get(item, 0)
                if consumed > required:
                    message = (
                        f"{required} is less than the {consumed} of consumed_resources.{item}. "
                        "Required resources must be greater than or equal to consumed resources"
                    )
                    problems.append(Problem(("actions", name, "required_resources", item), message, required))
        return problems

    def _object_problems(self) -> list[Problem]:
        items = frozenset(self.inventory_item_names)
        names = {AGENT_TYPE_ID: AGENT_TYPE_NAME}
        problems = []
        for name, thing in self.objects.items():
            if name in EMPTY_CELLS or name.startswith("agent."):
                message = f"{name!r} is not a name for an object: maps use it for empty cells or agents"
                problems.append(Problem(("objects", name), message, name))
            first = names.setdefault(thing.type_id, name)
            if first != name:
                message = f"Object type_id {thing.type_id} already exists with type_name {first}. Trying to add {name}."
                problems.append(Problem(("objects", name, "type_id"), message, thing.type_id))
            if isinstance(thing, ConverterConfig) and thing.never_ends(items):
                message = (
                    "an endless source: conversion_ticks 0, cooldown 0 and no input that runs out need a max_output "
                    f"that it can reach, which {thing.max_output} is not"
                )
                problems.append(Problem(("objects", name), message, thing.max_output))
        return problems


def known_resources(config: GameConfig) -> GameConfig:
    """Return the game without amounts of items that it does not have, see `unknown_resources`.

    Emits one UserWarning that lists what was dropped. Returns the given object if there is nothing to drop.
    """
    changes, dropped = _filtered(config)
    if not dropped:
        return config
    uses = ", ".join(f"{'.'.join(path)}.{name}" for path, name in dropped)
    warnings.warn(f"resources that are not in inventory_item_names are left out: {uses}", UserWarning, stacklevel=2)
    return config.model_copy(update=changes)


def _filtered(config: GameConfig) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """Return the parts of a game without unknown items, and the places where these were named."""
    keep = ResourceFilter(config.inventory_item_names)
    actions = {
        name: keep.action(("actions", name), action)
        for name in type(config.actions).model_fields
        if (action := getattr(config.actions, name)) is not None
    }
    parts = {
        "agent": keep.agent(("agent",), config.agent),
        "groups": FrozenDict({name: keep.group(("groups", name), group) for name, group in config.groups.items()}),
        "actions": config.actions.model_copy(update=actions),
        "objects": FrozenDict({name: keep.object(("objects", name), thing) for name, thing in config.objects.items()}),
    }
    return parts, keep.dropped
