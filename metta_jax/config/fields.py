"""Types of configuration fields: numbers with a range, tuples that accept lists."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from metta_jax.config.errors import custom


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits of a number, all optional: at_least <= value, above < value, value <= at_most, value < below.

    `below` is checked after rounding to float32, which the value will become: 0.99999999 is not below 1.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        limits = {"minimum": self.at_least, "exclusiveMinimum": self.above, "maximum": self.at_most}
        limits["exclusiveMaximum"] = self.below
        return handler(schema["schema"]) | {name: limit for name, limit in limits.items() if limit is not None}

    def check(self, value: Any) -> Any:
        """The value; an error that names it and both limits if it is outside. None passes."""
        if value is None:
            return value
        if self.at_least is not None and not value >= self.at_least:
            raise self._error(value, "greater_than_equal", f"greater than or equal to {self.at_least}")
        if self.above is not None and not value > self.above:
            raise self._error(value, "greater_than", f"greater than {self.above}")
        if self.at_most is not None and not value <= self.at_most:
            raise self._error(value, "less_than_equal", f"less than or equal to {self.at_most}")
        if self.below is not None and not _float32(value) < self.below:
            raise self._error(value, "less_than", f"less than {self.below}, even as float32")
        return value

    def _error(self, value: Any, kind: str, standard: str) -> Exception:
        # 2.0 was probably given as 2.
        value = int(value) if isinstance(value, int) or (abs(value) < 1e15 and value == value // 1) else value
        return custom(f"{value} is not {self._text()}. Input should be {standard}", kind)

    def _text(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"in {self.at_least}..{self.at_most}"
        limits = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{word} {limit}" for word, limit in limits.items() if limit is not None)


def _float32(value: float) -> float:
    """The value as float32; infinity if it is too large."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def within(low: float, high: float) -> Bounds:
    """low <= value <= high."""
    return Bounds(at_least=low, at_most=high)


def as_tuple(value: Any) -> Any:
    """A tuple of any sequence but text; other values unchanged, for the next check to refuse."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(value)
    return value


Byte = Annotated[int, within(0, 255)]
UInt16 = Annotated[int, within(0, 65535)]
NonNegativeInt32 = Annotated[int, within(0, 2**31 - 1)]
# Counts are stored as 64 bits, next to arrays. Two limits, so that each mistake has an error of its own.
Count = Annotated[int, Bounds(at_least=0), Bounds(at_most=2**63 - 1)]
PositiveInt = Annotated[int, Bounds(above=0), Bounds(at_most=2**63 - 1)]
# Counts that a compiled program compares with its own.
Count32 = Annotated[int, Bounds(at_least=0), Bounds(at_most=2**31 - 1)]
PositiveInt32 = Annotated[int, Bounds(above=0), Bounds(at_most=2**31 - 1)]
# Numbers become float32, where larger ones would be infinite and smaller ones 0.
_LARGEST, _SMALLEST = 3.4028234663852886e38, 1.1754943508222875e-38
PositiveFloat = Annotated[float, Bounds(above=0), within(_SMALLEST, _LARGEST)]
NonNegativeFloat = Annotated[float, Bounds(at_least=0), Bounds(at_most=_LARGEST)]
Share = Annotated[float, within(0, 1)]
Decay = Annotated[float, Bounds(at_least=0, below=1)]
# Weights of terms, and rewards: their products and squares must stay below the largest float32.
Coefficient = Annotated[float, Bounds(at_least=0), Bounds(at_most=1e6)]
Reward = Annotated[float, within(-1e9, 1e9)]
Penalty = Annotated[float, Bounds(at_least=0), Bounds(at_most=1e9)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
