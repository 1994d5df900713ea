"""What agents can do, and what it costs."""

from typing import Any

from pydantic import Field, field_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.fields import Byte
from metta_jax.core.frozen_dict import FrozenMapping


class ActionConfig(Config, frozen=True):
    """One action."""

    enabled: bool = Field(description="Whether the action exists at all; only enabled actions get an index.")
    required_resources: FrozenMapping[str, Byte] | None = Field(
        default=None,
        description="Item amounts an agent must hold, or the action fails. Default, None or empty: the "
        "consumed amounts.",
    )
    consumed_resources: FrozenMapping[str, Byte] = Field(
        default=FrozenDict(), description="Item amounts that a successful action takes. Default: the action is free."
    )

    @property
    def requirements(self) -> FrozenMapping[str, int]:
        """Item amounts that are really checked: the required ones, the consumed ones if none are given."""
        return self.consumed_resources if self.required_resources is None else self.required_resources

    @field_validator("required_resources", mode="after")
    @classmethod
    def _empty_means_as_consumed(cls, value: Any) -> Any:
        # Only dropping unknown resources leaves an empty mapping here: then nothing is required.
        return value or None


class AttackActionConfig(ActionConfig, frozen=True):
    """The attack action."""

    defense_resources: FrozenMapping[str, Byte] = Field(
        default=FrozenDict(),
        description="Item amounts that block one attack, and that the target loses by it. Default: no defense.",
    )


class ChangeGlyphActionConfig(ActionConfig, frozen=True):
    """The action that sets the sign an agent shows."""

    number_of_glyphs: Byte = Field(
        default=0, description="Number of signs; the largest argument is one less. Default: none."
    )


class ActionsConfig(Config, frozen=True):
    """All actions. One that is left out is disabled."""

    noop: ActionConfig | None = Field(default=None, description="Do nothing.")
    move: ActionConfig | None = Field(default=None, description="One cell forward (argument 0) or backward (1).")
    rotate: ActionConfig | None = Field(default=None, description="Turn up, down, left or right (arguments 0..3).")
    put_items: ActionConfig | None = Field(default=None, description="Give a converter the items its recipe needs.")
    get_items: ActionConfig | None = Field(default=None, description="Take the products of a converter.")
    attack: AttackActionConfig | None = Field(
        default=None, description="Freeze the k-th agent ahead (argument k, 0..8) and take its items."
    )
    swap: ActionConfig | None = Field(
        default=None, description="Exchange cells with a swappable wall or a frozen agent ahead."
    )
    change_color: ActionConfig | None = Field(default=None, description="Change the agent's color (arguments 0..3).")
    change_glyph: ChangeGlyphActionConfig | None = Field(default=None, description="Show the sign of that number.")

    def enabled(self) -> dict[str, ActionConfig]:
        """The enabled actions by configuration name, in alphabetical order, which is the order of action indices."""
        actions = {name: getattr(self, name) for name in sorted(type(self).model_fields)}
        return {name: action for name, action in actions.items() if action is not None and action.enabled}
