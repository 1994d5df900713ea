"""Reading the text of a compiled XLA program: its computations, and the instructions in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

_BYTES = {
    "pred": 1, "s4": 1, "u4": 1, "s8": 1, "u8": 1, "f8e4m3fn": 1, "s16": 2, "u16": 2, "bf16": 2, "f16": 2, "s32": 4,
    "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8,
}  # fmt: skip
_ARRAY = re.compile(r"\b(" + "|".join(_BYTES) + r")\[([\d,]*)\]")
_INSTRUCTION = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-$<>]+) .*\{\s*$")
_CALLED = re.compile(r"\b(calls|body|condition|to_apply)=%?([\w.\-$<>]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRUE_FALSE = re.compile(r"true_computation=%?([\w.\-]+), false_computation=%?([\w.\-]+)")
_TRIPS = re.compile(r'known_trip_count"?\s*:?\s*\{"?n"?:"?(\d+)')
_SCOPE = re.compile(r'op_name="([^"]*)"')


@dataclass(frozen=True)
class Instruction:
    """One line of a computation. `shape` is the text of its type, `rest` what follows the operands."""

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    rest: str
    is_root: bool
    parameter: int | None  # its number, for a parameter

    @cached_property
    def num_bytes(self) -> int:
        """Of the result; of all parts of a tuple."""
        return sum(_BYTES[kind] * count for kind, count in self._arrays)

    @cached_property
    def num_elements(self) -> int:
        return sum(count for _, count in self._arrays)

    @cached_property
    def item_bytes(self) -> int:
        return _BYTES[self._arrays[0][0]] if self._arrays else 0

    @property
    def scope(self) -> str:
        """The path of names that the program gave it."""
        found = _SCOPE.search(self.rest)
        return found.group(1) if found else ""

    @property
    def num_turns(self) -> int | None:
        """Of a loop, if the compiler knows it."""
        found = _TRIPS.search(self.rest)
        return int(found.group(1)) if found else None

    def called(self, kind: str) -> str | None:
        """The computation that is given as `calls`, `body`, `condition` or `to_apply`."""
        return dict(_CALLED.findall(self.rest)).get(kind)

    @property
    def branches(self) -> list[str]:
        found = _BRANCHES.search(self.rest)
        if found:
            return [name.strip().lstrip("%") for name in found.group(1).split(",")]
        found = _TRUE_FALSE.search(self.rest)
        return list(found.groups()) if found else []

    @cached_property
    def _arrays(self) -> list[tuple[str, int]]:
        return [(kind, prod(int(d) for d in dims.split(",") if d)) for kind, dims in _ARRAY.findall(self.shape)]


@dataclass
class Computation:
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    @cached_property
    def by_name(self) -> dict[str, Instruction]:
        return {instruction.name: instruction for instruction in self.instructions}

    @cached_property
    def users(self) -> dict[str, list[tuple[Instruction, int]]]:
        """Who reads each instruction, and as which operand."""
        users: dict[str, list[tuple[Instruction, int]]] = {name: [] for name in self.by_name}
        for instruction in self.instructions:
            for place, operand in enumerate(instruction.operands):
                users.setdefault(operand, []).append((instruction, place))
        return users

    @property
    def root(self) -> Instruction:
        return next(instruction for instruction in self.instructions if instruction.is_root)


@dataclass
class Program:
    computations: dict[str, Computation]
    entry: Computation


def parse(text: str) -> Program:
    """Raise ValueError if the text has no entry computation."""
    computations: dict[str, Computation] = {}
    entry = current = None
    for line in text.splitlines():
        if current is None:
            found = _COMPUTATION.match(line)
            if found and not line.startswith("HloModule"):
                current = computations[found.group(2)] = Computation(found.group(2))
                if found.group(1):
                    entry = current
        elif line.startswith("}"):
            current = None
        elif instruction := _read(line):
            current.instructions.append(instruction)
    if entry is None:
        raise ValueError("no entry computation: this is not the text of a compiled program")
    return Program(computations, entry)


def _read(line: str) -> Instruction | None:
    found = _INSTRUCTION.match(line)
    if not found:
        return None
    shape, rest = _split_shape(found.group(3).strip())
    opcode = re.match(r"[\w\-]+(?=\()", rest)
    if not opcode:
        return None
    begin = opcode.end()
    end = _closing(rest, begin)
    inside = rest[begin + 1 : end]
    return Instruction(
        name=found.group(2),
        shape=shape,
        opcode=opcode.group(),
        operands=tuple(re.findall(r"%([\w.\-]+)", inside)),
        rest=rest[end + 1 :],
        is_root=bool(found.group(1)),
        parameter=int(inside) if opcode.group() == "parameter" else None,
    )


def _split_shape(text: str) -> tuple[str, str]:
    """The type at the beginning, which may be a tuple with spaces in it, and the rest."""
    end = _closing(text, 0) + 1 if text.startswith("(") else text.find(" ")
    return text[:end], text[end:].strip()


def _closing(text: str, begin: int) -> int:
    """Where the bracket that opens at `begin` closes."""
    depth = 0
    for i in range(begin, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    return len(text)
