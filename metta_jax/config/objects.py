"""What stands on the map in addition to agents: walls and converters."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, WrapValidator, model_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.errors import custom
from metta_jax.config.fields import Byte, UInt16, within
from metta_jax.config.legacy import modern_converter
from metta_jax.core.frozen_dict import FrozenMapping

_LARGEST_AMOUNT = 255


class WallConfig(Config, frozen=True):
    """A wall, or a block that can be swapped with."""

    type_id: Byte = Field(description="Number that observations show; every object name needs its own, 0 is the agent.")
    swappable: bool = Field(default=False, description="Whether the swap action moves it. Default: a fixed wall.")


class ConverterConfig(Config, frozen=True):
    """An object that turns items into other items; a source if it needs none."""

    type_id: Byte = Field(
        default=0,
        description="Number that observations show; every object name needs its own. The default 0 is the agent's, "
        "so a game with this object must give another.",
    )
    input_resources: FrozenMapping[str, Byte] = Field(
        default=FrozenDict(), description="Item amounts that one conversion uses up; 0 counts as absent. Default: none."
    )
    output_resources: FrozenMapping[str, Byte] = Field(
        default=FrozenDict(), description="Item amounts that one conversion yields; 0 counts as absent. Default: none."
    )
    max_output: Annotated[int, within(-1, 32767)] = Field(
        description="No conversion starts while it holds that many products in all. -1: no limit, 0: it never converts."
    )
    conversion_ticks: UInt16 = Field(description="Steps from the start of a conversion to its products.")
    cooldown: UInt16 = Field(description="Steps after a conversion in which no other starts.")
    initial_resource_count: Byte = Field(description="Amount of each product that it holds at the start.")
    color: Byte = Field(default=0, description="Number that observations show as its color. Default: arbitrary.")
    show_recipe_inputs: bool = Field(
        default=False, description="Whether observations also show its recipe, a token for each input."
    )

    def never_ends(self, items: frozenset[str]) -> bool:
        """Whether it could convert forever within one step, given the names of the items that exist.

        It takes no time, every input comes back at least as fast as it goes, and nothing fills it: products that become
        more stop at 255 each, and of those that stay it needs only what one conversion takes.
        """
        if self.conversion_ticks or self.cooldown:
            return False
        inputs = {item: amount for item, amount in self.input_resources.items() if amount > 0 and item in items}
        outputs = {item: amount for item, amount in self.output_resources.items() if amount > 0 and item in items}
        if any(outputs.get(item, 0) < amount for item, amount in inputs.items()):
            return False
        growing = sum(amount > inputs.get(item, 0) for item, amount in outputs.items())
        staying = sum(amount for item, amount in inputs.items() if outputs[item] == amount)
        return self.max_output == -1 or self.max_output > _LARGEST_AMOUNT * growing + staying

    @model_validator(mode="before")
    @classmethod
    def _accept_older_spelling(cls, data: Any) -> Any:
        return modern_converter(data) if isinstance(data, dict) else data


def _by_fields(value: Any, handler: Any) -> Any:
    """A wall has only a type_id and swappable; whatever has a converter's field is a converter."""
    if isinstance(value, WallConfig | ConverterConfig):
        return value
    if isinstance(value, Mapping):
        modern = modern_converter(value)
        is_converter = (set(modern) - {"type_id"}) & set(ConverterConfig.model_fields)
        # Not through the handler: a union would report the problems of both kinds.
        kind = ConverterConfig if is_converter else WallConfig
        return kind.__pydantic_validator__.validate_python(modern)
    raise custom("Input should be a wall or a converter", "object_type")


ObjectConfig = Annotated[ConverterConfig | WallConfig, WrapValidator(_by_fields)]
