"""The functions that configurations compute numbers with; plain Python functions of numbers.

`uniform` and `choose` are in `sampled`, since they make a distribution and not a number.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal, TypeAlias

Curve: TypeAlias = Literal["linear", "log", "exp", "sigmoid"]
CURVES: tuple[Curve, ...] = ("linear", "log", "exp", "sigmoid")


def if_(condition: bool, then: Any, otherwise: Any) -> Any:
    """`then` if the condition holds, else `otherwise`."""
    return then if condition else otherwise


def div(a: float, b: float) -> float:
    """a / b; an int if both are ints and the division is exact. Raises a ValueError for b = 0."""
    if b == 0:
        raise ValueError(f"div: {a} cannot be divided by 0")
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    return a / b


def sub(a: float, b: float) -> float:
    """a - b."""
    return a - b


def mul(a: float, b: float) -> float:
    """a b."""
    return a * b


def add(a: float, b: float) -> float:
    """a + b."""
    return a + b


def make_odd(value: float) -> int:
    """The value as an odd integer of at least 3; even ones grow by one."""
    return max(3, int(value) // 2 * 2 + 1)


def clamp(value: float, low: float, high: float) -> float:
    """The value, but not below `low` and not above `high`."""
    return max(low, min(value, high))


def to_int(value: float) -> int:
    """The nearest integer; of two equally near ones the even one."""
    return round(value)


def eq(a: Any, b: Any) -> bool:
    """a = b."""
    return bool(a == b)


def gt(a: float, b: float) -> bool:
    """a > b."""
    return a > b


def lt(a: float, b: float) -> bool:
    """a < b."""
    return a < b


def gte(a: float, b: float) -> bool:
    """a >= b."""
    return a >= b


def lte(a: float, b: float) -> bool:
    """a <= b."""
    return a <= b


def scale(value: float, in_min: float, in_max: float, out_min: float, out_max: float, curve: Curve = "linear") -> float:
    """Carry a value from one range to another along a curve.

    With u the place of the value, clamped, in the input range from 0 to 1: linear u; log log10(1 + 9u);
    exp (10^u - 1) / 9; sigmoid 1 / (1 + exp(-12 (u - 1/2))). An integer if both output bounds are integers.

    Raises:
      ValueError: an empty input range, or no such curve.
    """
    if in_min >= in_max:
        raise ValueError(f"in_min: {in_min} is not below in_max, {in_max}")
    if curve not in CURVES:
        raise ValueError(f"curve: {curve!r} is not one of {list(CURVES)}")
    u = clamp((value - in_min) / (in_max - in_min), 0.0, 1.0)
    if curve == "log":
        u = math.log10(1 + 9 * u)
    elif curve == "exp":
        u = (10**u - 1) / 9
    elif curve == "sigmoid":
        u = 1 / (1 + math.exp(-12 * (u - 0.5)))
    result = out_min + u * (out_max - out_min)
    return round(result) if isinstance(out_min, int) and isinstance(out_max, int) else result


def iir(alpha: float, value: float, last: float) -> float:
    """A step of a low-pass filter: alpha value + (1 - alpha) last."""
    return alpha * value + (1 - alpha) * last


def now(form: str = "%Y%m%d_%H%M%S") -> str:
    """The local time in the given `strftime` form. Not a function of a seed: for names of runs, never for maps."""
    return datetime.now().strftime(form)
