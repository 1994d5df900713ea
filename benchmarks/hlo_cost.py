"""What a compiled program costs an accelerator: kernels and the bytes that they move, by stage of the program.

A kernel is an instruction that runs by itself: a fusion, a copy, a library call. It moves what it reads and writes;
slices, gathers and updates in place count as what they touch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.hlo_text import Computation, Instruction, Program

# Names for a place in memory: nothing runs.
FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "opt-barrier", "add-dependency"),
    *("domain", "copy-done", "async-done", "partition-id", "replica-id", "iota"),
}
SLICES = {"slice", "dynamic-slice", "gather"}
# What is done with every element by itself.
ELEMENTWISE = {
    *("convert", "add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "remainder", "negate"),
    *("abs", "sign", "floor", "clamp", "exponential", "log", "tanh", "logistic", "sqrt", "rsqrt", "copy"),
    *("and", "or", "xor", "not", "select", "compare", "is-finite", "bitcast", "bitcast-convert", "reshape"),
    *("shift-left", "shift-right-logical", "shift-right-arithmetic"),
}
SMALLEST_BIG_COPY = 10_000_000  # bytes


@dataclass
class Stage:
    """A stage of the program; sums over everything that belongs to it, with loops counted as often as they turn."""

    kernels: float = 0.0
    num_bytes: float = 0.0
    waits: float = 0.0  # of the host for the device: once for each data-dependent condition and turn
    launches: list[tuple[float, float]] = field(default_factory=list)  # each kernel: how often, and its bytes

    def add(self, times: float, num_bytes: float) -> None:
        self.kernels += times
        self.num_bytes += times * num_bytes
        self.launches.append((times, num_bytes))


@dataclass
class Cost:
    stages: dict[str, Stage]
    big_copies_in_loops: int
    slow_scatters: int  # loops of compare-and-swap on a GPU

    @property
    def kernels(self) -> float:
        return sum(stage.kernels for stage in self.stages.values())

    @property
    def num_bytes(self) -> float:
        return sum(stage.num_bytes for stage in self.stages.values())


def cost_of(
    program: Program, stage_fn: Callable[[str], str], turns_fn: Callable[[str], float] = lambda stage: 1.0
) -> Cost:
    """Costs of one run.

    Args:
      stage_fn: from the path of names of an instruction to its stage.
      turns_fn: from a stage to the number of turns of its loops whose number the data decide.
    """
    cost = Cost({}, 0, sum(map(_slow_scatters, program.computations.values())))

    def visit(computation: Computation, times: float, in_loop: bool, outer: str) -> None:
        for instruction in computation.instructions:
            stage = stage_fn(instruction.scope) or outer
            opcode = instruction.opcode
            if opcode == "while":
                known = instruction.num_turns
                turns = turns_fn(stage) if known is None else known
                if known is None:
                    cost.stages.setdefault(stage, Stage()).waits += times * (turns + 1)
                visit(_called(program, instruction, "body"), times * turns, True, stage)
            elif opcode == "conditional":
                # The more expensive branch is taken.
                branches = [program.computations[name] for name in instruction.branches]
                visit(max(branches, key=lambda branch: _size(program, branch)), times, in_loop, stage)
                cost.stages.setdefault(stage, Stage()).waits += times
            elif opcode in ("call", "async-start"):
                name = instruction.called("to_apply") or instruction.called("calls")
                if name in program.computations:
                    visit(program.computations[name], times, in_loop, stage)
            elif opcode not in FREE:
                num_bytes = _moved(program, computation, instruction)
                cost.stages.setdefault(stage, Stage()).add(times, num_bytes)
                if in_loop and opcode == "copy" and instruction.num_bytes > SMALLEST_BIG_COPY:
                    cost.big_copies_in_loops += 1

    visit(program.entry, 1.0, False, "other")
    return cost


def seconds(stage: Stage, *, launch: float, bandwidth: float, wait: float = 15e-6) -> float:
    """Kernels one after another, each as long as its launch or its bytes, and the waits of the host."""
    return sum(n * max(launch, size / bandwidth) for n, size in stage.launches) + stage.waits * wait


def _called(program: Program, instruction: Instruction, kind: str) -> Computation:
    name = instruction.called(kind)
    assert name is not None
    return program.computations[name]


def _size(program: Program, computation: Computation) -> float:
    """Bytes of all kernels of a branch, loops counted once: enough to compare branches."""
    total = 0.0
    for instruction in computation.instructions:
        if instruction.opcode == "while":
            total += _size(program, _called(program, instruction, "body")) * (instruction.num_turns or 1)
        elif instruction.opcode not in FREE:
            total += _moved(program, computation, instruction)
    return total


def _moved(program: Program, computation: Computation, instruction: Instruction) -> float:
    operands = [computation.by_name[name] for name in instruction.operands if name in computation.by_name]
    if instruction.opcode == "fusion":
        fused = _called(program, instruction, "calls")
        needed = _Needs(fused)
        read = sum(needed.bytes_of(i) for i in fused.instructions if i.opcode == "parameter")
        return read + _written(fused, fused.root)
    if instruction.opcode == "dynamic-update-slice":
        return 2 * operands[1].num_bytes
    if instruction.opcode in SLICES:
        return 2 * instruction.num_bytes
    return instruction.num_bytes + sum(operand.num_bytes for operand in operands)


def _written(fused: Computation, root: Instruction) -> float:
    if root.opcode == "tuple":
        return sum(_written(fused, fused.by_name[name]) for name in root.operands)
    if root.opcode in ("bitcast", "reshape"):
        return _written(fused, fused.by_name[root.operands[0]])
    if root.opcode == "dynamic-update-slice":
        return fused.by_name[root.operands[1]].num_bytes
    if root.opcode == "scatter":
        return fused.by_name[root.operands[-1]].num_bytes
    return 0 if root.opcode == "parameter" else root.num_bytes


class _Needs:
    """How many elements of each value inside a fusion are needed, following slices through what is done by element."""

    def __init__(self, fused: Computation):
        self._fused = fused
        self._known: dict[str, float] = {}

    def bytes_of(self, value: Instruction) -> float:
        return self._elements(value) * value.item_bytes

    def _elements(self, value: Instruction) -> float:
        if value.name not in self._known:
            total = 0.0 if not value.is_root or value.opcode == "parameter" else float(value.num_elements)
            for user, place in self._fused.users[value.name]:
                again = user.operands.index(value.name) < place  # the same elements, read by another operand
                total += 0.0 if again else self._by_user(value, user, place)
            self._known[value.name] = min(total, float(value.num_elements))
        return self._known[value.name]

    def _by_user(self, value: Instruction, user: Instruction, place: int) -> float:
        if place == 0 and user.opcode in SLICES:
            return min(float(user.num_elements), self._elements(user))
        if place == 0 and user.opcode == "dynamic-update-slice":
            return 0.0
        if place == 0 and user.opcode == "scatter":
            return float(self._fused.by_name[user.operands[-1]].num_elements)
        if user.opcode == "tuple":
            return 0.0 if value.opcode == "parameter" else float(value.num_elements)
        if user.opcode in ELEMENTWISE and user.num_elements == value.num_elements:
            return self._elements(user)
        return float(value.num_elements)


def _slow_scatters(computation: Computation) -> int:
    """Scatters for which a GPU has no single operation: rows that may be equal, and no 32-bit sum, extreme or write."""
    return sum(
        instruction.opcode == "scatter"
        and "unique_indices=true" not in instruction.rest
        and instruction.item_bytes < 4
        and "scatter-" in instruction.scope  # -add, -max, -min; a plain write needs no comparison
        for instruction in computation.instructions
    )
