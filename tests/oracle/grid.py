"""Cells, two layers, and directions."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.things import AGENT_LAYER, OBJECT_LAYER, Thing

UP, DOWN, LEFT, RIGHT = 0, 1, 2, 3


@dataclass
class Grid:
    height: int
    width: int
    cells: dict[tuple[int, int, int], Thing] = field(default_factory=dict)

    def at(self, row: int, column: int, layer: int) -> Thing | None:
        return self.cells.get((row, column, layer))

    def is_empty(self, row: int, column: int) -> bool:
        return self.at(row, column, AGENT_LAYER) is None and self.at(row, column, OBJECT_LAYER) is None

    def place(self, thing: Thing) -> None:
        self.cells[thing.row, thing.column, thing.layer] = thing

    def move(self, thing: Thing, row: int, column: int) -> None:
        del self.cells[thing.row, thing.column, thing.layer]
        thing.row, thing.column = row, column
        self.place(thing)

    def exchange(self, one: Thing, other: Thing) -> None:
        """The two swap cells; each keeps its layer."""
        del self.cells[one.row, one.column, one.layer]
        del self.cells[other.row, other.column, other.layer]
        (one.row, one.column), (other.row, other.column) = (other.row, other.column), (one.row, one.column)
        self.place(one)
        self.place(other)

    def relative(self, thing: Thing, facing: int, forward: int, lateral: int = 0) -> tuple[int, int]:
        """The cell that lies `forward` ahead and `lateral` to the right, clamped to the map."""
        row, column = thing.row, thing.column
        if facing == UP:
            row, column = row - forward, column + lateral
        elif facing == DOWN:
            row, column = row + forward, column - lateral
        elif facing == LEFT:
            row, column = row - lateral, column - forward
        elif facing == RIGHT:
            row, column = row + lateral, column + forward
        else:
            raise AssertionError(f"no orientation {facing}")
        return min(max(row, 0), self.height - 1), min(max(column, 0), self.width - 1)
