"""What a program asks for, counted from its jaxpr alone: no compiler, no device, seconds.

These counts do not depend on XLA's version. Turns of loops that follow one another are what an accelerator waits for,
since a turn is at least one kernel; scatters by kind show which of them it must serialize.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax


@dataclass
class Work:
    """Sums over one run of a program.

    Attributes:
      equations: operations that are carried out, those of a loop as often as it turns.
      turns: of counted loops, one after another.
      open_loops: loops whose number of turns the data decide.
      scatters: how many of each kind, "scatter", "scatter-add" ..., with " unique" behind it where rows are unique.
      flops: of matrix products and convolutions.
    """

    equations: int = 0
    turns: int = 0
    open_loops: int = 0
    scatters: Counter[str] = field(default_factory=Counter)
    flops: float = 0.0

    def add(self, other: Work, times: int = 1) -> None:
        self.equations += times * other.equations
        self.turns += times * other.turns
        self.open_loops += times * other.open_loops
        self.flops += times * other.flops
        for kind, count in other.scatters.items():
            self.scatters[kind] += times * count


def count_work(fn: Any, *args: Any) -> Work:
    """The work of `fn(*args)`; `args` may be shapes only. Of the branches of a condition the larger one counts."""
    return _count(jax.make_jaxpr(fn)(*args).jaxpr)


def _count(jaxpr: Any) -> Work:
    work = Work()
    for equation in jaxpr.eqns:
        name, inner = equation.primitive.name, [_count(part) for part in _parts(equation)]
        if name == "scan":
            length = equation.params["length"]
            work.add(inner[0], length)
            work.turns += -(-length // equation.params["unroll"]) if length > 1 else 0
        elif name == "while":
            work.open_loops += 1
            work.add(_count(equation.params["body_jaxpr"].jaxpr))
        elif name == "cond":
            work.add(max(inner, key=lambda branch: (branch.turns, branch.equations)))
        elif name.startswith("scatter"):  # before the rest: what it does with two values is a part of its own
            work.equations += 1
            work.scatters[name + (" unique" if equation.params["unique_indices"] else "")] += 1
        elif inner:
            for part in inner:
                work.add(part)
        else:
            work.equations += 1
            work.flops += _flops(equation)
    return work


def _parts(equation: Any) -> Iterator[Any]:
    for value in equation.params.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if hasattr(part, "jaxpr"):
                yield part.jaxpr
            elif hasattr(part, "eqns"):
                yield part


def _flops(equation: Any) -> float:
    name = equation.primitive.name
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return 2.0 * prod(equation.outvars[0].aval.shape) * prod(left[axis] for axis in contracted)
    if name == "conv_general_dilated":
        # Every element of the result sums over a window of all channels that it sees. Counted from the side of the
        # kernel, so that gradients, whose kernel is an image, come out right too.
        kernel, result = equation.invars[1].aval.shape, equation.outvars[0].aval.shape
        outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return 2.0 * prod(result) * prod(kernel) / outputs
    return 0.0
