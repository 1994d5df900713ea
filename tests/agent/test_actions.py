"""The flat action table and the rows of the embedding table."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.agent.actions import assign_action_rows
from metta_jax.mettagrid.spaces import ActionSpace
from tests.agent.facts import SEVEN_ACTIONS, facts_env

NINE_ACTIONS = {
    "attack": 8,
    "change_color": 3,
    "change_glyph": 3,
    "get_output": 0,
    "move": 1,
    "noop": 0,
    "put_recipe_items": 0,
    "rotate": 3,
    "swap": 0,
}


@pytest.mark.parametrize(("actions", "count"), [(NINE_ACTIONS, 27), (SEVEN_ACTIONS, 19)])
def test_number_of_flat_actions(actions: dict[str, int], count: int) -> None:
    assert ActionSpace.of(facts_env(actions=actions)).num_flat_actions == count


def test_table_and_formula_are_inverse() -> None:
    space = ActionSpace.of(facts_env(actions=NINE_ACTIONS))
    table = space.flat_actions()
    assert table.dtype == np.int32
    for flat, (kind, arg) in enumerate(table.tolist()):
        assert flat == kind + sum(list(NINE_ACTIONS.values())[:kind]) + arg
        assert space.full_names()[flat] == f"{space.names[kind]}_{arg}"
    np.testing.assert_array_equal(space.flat_index(table), np.arange(27))
    np.testing.assert_array_equal(space.flat_index(table.reshape(3, 9, 2)), np.arange(27).reshape(3, 9))


@pytest.mark.parametrize("action", [(0, 9), (7, 0), (-1, 0), (1, -1), (2, 2)])
def test_pair_outside_the_table_is_an_error(action: tuple[int, int]) -> None:
    space = ActionSpace.of(facts_env())
    with pytest.raises(ValueError, match=rf"actions: \({action[0]}, {action[1]}\) is not a valid .* 2 move 0..1"):
        space.flat_index(np.asarray([[0, 0], action]))


def test_bad_facts_are_named() -> None:
    with pytest.raises(ValueError, match="at least one is needed"):
        ActionSpace((), ())
    with pytest.raises(ValueError, match="1 values for 2 actions"):
        ActionSpace(("a", "b"), (1,))
    with pytest.raises(ValueError, match=r"max_action_args.b: -1 is less than 0"):
        ActionSpace(("a", "b"), (1, -1))
    with pytest.raises(ValueError, match="names an action twice"):
        ActionSpace(("a", "a"), (1, 1))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        ActionSpace(("a",), (0,)).flat_index(np.zeros(3, np.int32))


def test_rows_start_at_one_and_stay_with_their_name() -> None:
    rows, first = assign_action_rows(["move_0", "noop_0"], {}, 100)
    assert first.tolist() == [1, 2]
    more, second = assign_action_rows(["noop_0", "swap_0", "move_0"], rows, 100)
    assert second.tolist() == [2, 3, 1]
    assert rows == {"move_0": 1, "noop_0": 2}, "the known table must not be changed"
    assert more == {"move_0": 1, "noop_0": 2, "swap_0": 3}


def test_too_many_names() -> None:
    assign_action_rows(["a", "b"], {}, 3)
    with pytest.raises(ValueError, match="num_embeddings: 3 rows are too few for 3 action names; at least 4"):
        assign_action_rows(["a", "b", "c"], {}, 3)
