"""What agents carry, what they are rewarded for, and the groups they belong to."""

from collections.abc import Collection
from typing import Any

from pydantic import Field, model_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.fields import Byte, Penalty, Reward, Share
from metta_jax.config.legacy import modern_agent, modern_rewards
from metta_jax.core.frozen_dict import FrozenMapping

MAXIMUM_SUFFIX = "_max"


class RewardsConfig(Config, frozen=True):
    """Rewards for what an agent holds and for what it has done."""

    inventory: FrozenMapping[str, Reward | None] = Field(
        default=FrozenDict(),
        description="`<item>`: reward for each piece held, None for no reward. `<item>_max`: the limit of that reward, "
        "None for no limit; `resource_reward_cap` of the game says what it limits. Default: no rewards.",
    )
    stats: FrozenMapping[str, Reward] = Field(
        default=FrozenDict(),
        description="`<statistic>`: reward for each unit of that statistic of the agent. `<statistic>_max`: the most "
        "that it may yield. Default: no rewards.",
    )

    def item_rewards(self, items: Collection[str]) -> dict[str, tuple[float, float | None]]:
        """{item: (reward for a piece, maximum or None)} of the rewarded items, in the order of `items`.

        A key that is itself the name of an item is that item's reward, even if it ends in `_max`.
        """
        rewards = {}
        for item in items:
            reward = self.inventory.get(item)
            if reward is not None:
                maximum_key = item + MAXIMUM_SUFFIX
                rewards[item] = (reward, None if maximum_key in items else self.inventory.get(maximum_key))
        return rewards

    def stat_rewards(self) -> dict[str, tuple[float, float | None]]:
        """{statistic: (reward for a unit, maximum or None)}, in alphabetical order."""
        return {
            name: (reward, self.stats.get(name + MAXIMUM_SUFFIX))
            for name, reward in sorted(self.stats.items())
            if not name.endswith(MAXIMUM_SUFFIX)
        }

    @model_validator(mode="before")
    @classmethod
    def _accept_older_spelling(cls, data: Any) -> Any:
        return modern_rewards(data) if isinstance(data, dict) else data


class AgentGameConfig(Config, frozen=True):
    """What holds for every agent unless its group says otherwise."""

    default_resource_limit: Byte = Field(
        default=0, description="Most that an agent can hold of an item without a limit of its own. Default: nothing."
    )
    resource_limits: FrozenMapping[str, Byte] = Field(
        default=FrozenDict(), description="Most that an agent can hold, by item. Default: none has its own limit."
    )
    freeze_duration: Byte = Field(
        default=0, description="Turns that a successful attack costs its target. Default: attacks do not freeze."
    )
    rewards: RewardsConfig = Field(default_factory=RewardsConfig, description="What agents are rewarded for.")
    action_failure_penalty: Penalty = Field(
        default=0.0, description="Taken from the reward for every action that fails. Default: none."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_older_spelling(cls, data: Any) -> Any:
        return modern_agent(data) if isinstance(data, dict) else data


class GroupPropsConfig(Config, frozen=True):
    """What a group changes about its agents; None keeps the setting that holds for all."""

    default_resource_limit: Byte | None = Field(
        default=None,
        description="Accepted, without effect: the engine uses the limit of all agents. Default: not given.",
    )
    resource_limits: FrozenMapping[str, Byte] | None = Field(
        default=None, description="Replaces the limits of single items as a whole. Default: not changed."
    )
    freeze_duration: Byte | None = Field(
        default=None, description="Turns that a successful attack costs agents of this group. Default: not changed."
    )
    rewards: RewardsConfig | None = Field(
        default=None, description="Replaces the rewards as a whole. Default: not changed."
    )
    action_failure_penalty: Penalty | None = Field(
        default=None, description="Taken from the reward for every action that fails. Default: not changed."
    )

    def applied_to(self, agent: AgentGameConfig) -> AgentGameConfig:
        """The agent settings with this group's changes."""
        changes = {
            name: value
            for name in type(self).model_fields
            if name != "default_resource_limit" and (value := getattr(self, name)) is not None
        }
        return agent.model_copy(update=changes)

    @model_validator(mode="before")
    @classmethod
    def _accept_agent_settings(cls, data: Any) -> Any:
        if isinstance(data, AgentGameConfig):
            return {name: getattr(data, name) for name in data.model_fields_set}
        return modern_agent(data) if isinstance(data, dict) else data


class GroupConfig(Config, frozen=True):
    """A group of agents, `agent.<name>` on maps."""

    id: Byte = Field(description="Number that observations show.")
    sprite: int | None = Field(
        default=None, description="Picture for viewers, no effect on the game. Default: the viewer chooses."
    )
    group_reward_pct: Share = Field(
        default=0.0, description="Share of every reward that goes into the group's pool. Default: nothing is shared."
    )
    props: GroupPropsConfig = Field(
        default_factory=GroupPropsConfig, description="Agent settings that differ in this group. Default: none."
    )
