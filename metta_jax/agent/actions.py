"""Which row of the embedding table a flat action has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def assign_action_rows(
    full_names: Sequence[str], known_rows: Mapping[str, int], num_embeddings: int
) -> tuple[dict[str, int], np.ndarray]:
    """Give every action name a row of the embedding table.

    Names that `known_rows` has keep their row, new ones get the next free rows from 1 on, in order of appearance (row 0
    stays unused). Returns the extended name -> row table and int32 [F] rows in the order of `full_names`. Raises
    ValueError if the table of `num_embeddings` rows is too small.
    """
    rows = dict(known_rows)
    for name in full_names:
        if name not in rows:
            rows[name] = max(rows.values(), default=0) + 1
    if max(rows.values(), default=0) >= num_embeddings:
        raise ValueError(
            f"num_embeddings: {num_embeddings} rows are too few for {len(rows)} action names; "
            f"at least {max(rows.values()) + 1} are needed (row 0 is not used)"
        )
    return rows, np.asarray([rows[name] for name in full_names], np.int32)
