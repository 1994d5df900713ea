"""Movers that nobody is in the way of act at once; what comes of a move, the oracle says."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels import movement
from grid_kernels.turns import in_rounds

CELLS, AGENT, BLOCK = 12, 10, 20  # one row of cells; codes of agent 0 and of the first swappable wall


def move(cell: jax.Array, target: jax.Array, wide: bool) -> movement.Movement:
    """Agents on `cell` int32 [1, A] all move to `target`, the first one first; nobody is frozen."""
    agents = jnp.arange(cell.shape[1], dtype=jnp.int32)
    grid = jnp.zeros((1, CELLS), jnp.int32).at[0, cell[0]].set(AGENT + agents)
    kind, still = jnp.full(cell.shape, movement.MOVE, jnp.int32), jnp.zeros(cell.shape, jnp.int32)
    keys, codes = agents.astype(jnp.uint32)[None], {"agent_code": AGENT, "block_code": BLOCK}
    return movement.move_and_swap(grid, cell, kind, target, keys, still, still > 0, **codes, wide=wide)


@pytest.mark.parametrize("wide", [True, False])
def test_only_those_wait_whose_cells_an_earlier_mover_touches(wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result does not show it: in rounds everybody gets as far, but each round takes its time."""
    waiting: list[np.ndarray] = []

    def watched(pending: Any, *args: Any, **options: Any) -> Any:
        waiting.append(np.asarray(pending))
        return in_rounds(pending, *args, **options)

    monkeypatch.setattr(movement, "in_rounds", watched)
    cell = jnp.asarray([[2, 1, 5, 8]], jnp.int32)  # agent 1 follows agent 0; the others are alone
    made = move(cell, cell + 1, wide)
    assert waiting[0].tolist() == [[False, True, False, False]]
    assert made.cell.tolist() == [[3, 2, 6, 9]]
    assert made.success.all()


@pytest.mark.parametrize("wide", [True, False])
def test_of_two_that_wait_for_a_cell_one_enters_it(wide: bool) -> None:
    """Agent 0 leaves cell 3; agents 1 and 2 stand on its two sides, and both waited for it."""
    cell = jnp.asarray([[3, 2, 4]], jnp.int32)
    target = jnp.asarray([[9, 3, 3]], jnp.int32)
    made = move(cell, target, wide)
    assert made.cell.tolist() == [[9, 3, 4]]
    assert made.success.tolist() == [[True, True, False]]
    assert np.flatnonzero(made.grid[0]).tolist() == [3, 4, 9]
    assert made.grid[0, jnp.asarray([9, 3, 4])].tolist() == [AGENT, AGENT + 1, AGENT + 2]
