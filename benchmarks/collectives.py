"""Communication between devices in a compiled program: how often, how much, and inside which loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.hlo_text import Computation, Program

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


@dataclass(frozen=True)
class Collective:
    """One instruction.

    Attributes:
      kind: one of KINDS. num_bytes: of its result on each device. times: how often it runs, from the loops around it.
      is_certain: False if the data decide how often a loop around it runs; such a loop counts once.
    """

    kind: str
    num_bytes: int
    times: int
    is_certain: bool


def collectives(program: Program) -> list[Collective]:
    """All collectives of a program, in all branches."""

    def visit(computation: Computation, times: int, is_certain: bool) -> Iterator[Collective]:
        for instruction in computation.instructions:
            kind = instruction.opcode.removesuffix("-start")
            if kind in KINDS:
                # The start of an asynchronous one has its operands in its type, too.
                halves = 2 if instruction.opcode.endswith("-start") and instruction.shape.startswith("(") else 1
                yield Collective(kind, instruction.num_bytes // halves, times, is_certain)
            turns = instruction.num_turns if instruction.opcode == "while" else 1
            called = [instruction.called(name) for name in ("body", "condition", "calls", "to_apply")]
            for name in [*called, *instruction.branches]:
                if name in program.computations:
                    inner = program.computations[name]
                    yield from visit(inner, times * (turns or 1), is_certain and turns is not None)

    return list(visit(program.entry, 1, True))
