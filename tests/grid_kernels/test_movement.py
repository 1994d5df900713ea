"""Movers that nobody is in the way of act at once; what comes of a move, the oracle says."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from grid_kernels import movement
from grid_kernels.turns import in_rounds

CELLS, AGENT, BLOCK = 12, 10, 20  # one row of cells; codes of agent 0 and of the first swappable wall


@pytest.mark.parametrize("wide", [True, False])
def test_only_those_wait_whose_cells_an_earlier_mover_touches(wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result does not show it: in rounds everybody gets as far, but each round takes its time."""
    waiting: list[np.ndarray] = []

    def watched(pending: Any, *args: Any, **options: Any) -> Any:
        waiting.append(np.asarray(pending))
        return in_rounds(pending, *args, **options)

    monkeypatch.setattr(movement, "in_rounds", watched)
    cell = jnp.asarray([[2, 1, 5, 8]], jnp.int32)  # agent 1 follows agent 0; the others are alone
    grid = jnp.zeros((1, CELLS), jnp.int32).at[0, cell[0]].set(AGENT + jnp.arange(4, dtype=jnp.int32))
    still = jnp.zeros((1, 4), jnp.int32)
    made = movement.move_and_swap(
        grid,
        cell,
        jnp.full((1, 4), movement.MOVE, jnp.int32),
        cell + 1,
        jnp.arange(4, dtype=jnp.uint32)[None],
        still,
        still > 0,
        agent_code=AGENT,
        block_code=BLOCK,
        wide=wide,
    )
    assert waiting[0].tolist() == [[False, True, False, False]]
    assert made.cell.tolist() == [[3, 2, 6, 9]]
    assert made.success.all()


@pytest.mark.parametrize("wide", [True, False])
def test_of_two_that_wait_for_a_cell_one_enters_it(wide: bool) -> None:
    """Agent 0 leaves cell 3; agents 1 and 2 stand on its two sides, and both waited for it."""
    cell = jnp.asarray([[3, 2, 4]], jnp.int32)
    target = jnp.asarray([[9, 3, 3]], jnp.int32)
    grid = jnp.zeros((1, CELLS), jnp.int32).at[0, cell[0]].set(AGENT + jnp.arange(3, dtype=jnp.int32))
    still = jnp.zeros((1, 3), jnp.int32)
    made = movement.move_and_swap(
        grid,
        cell,
        jnp.full((1, 3), movement.MOVE, jnp.int32),
        target,
        jnp.arange(3, dtype=jnp.uint32)[None],
        still,
        still > 0,
        agent_code=AGENT,
        block_code=BLOCK,
        wide=wide,
    )
    assert made.cell.tolist() == [[9, 3, 4]]
    assert made.success.tolist() == [[True, True, False]]
    assert np.flatnonzero(made.grid[0]).tolist() == [3, 4, 9]
    assert made.grid[0, jnp.asarray([9, 3, 4])].tolist() == [AGENT, AGENT + 1, AGENT + 2]
