"""Flat actions: one categorical choice over the valid (type, argument) pairs.

Symbols: F = number of flat actions. Pair k of the table is the k-th valid pair in the order of the types, then of the
arguments: k = type + sum of max_arg over the earlier types + argument.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class ActionSpace:
    """The action types of an environment, in its index order.

    `names` are the names that the environment reports, `max_args` the largest argument of each.
    """

    names: tuple[str, ...]
    max_args: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("action_names: () has no action; at least one is needed")
        if len(self.names) != len(self.max_args):
            raise ValueError(
                f"max_action_args: {len(self.max_args)} values for {len(self.names)} actions; one per action is needed"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"action_names: {self.names} names an action twice")
        for name, max_arg in zip(self.names, self.max_args, strict=True):
            if max_arg < 0:
                raise ValueError(f"max_action_args.{name}: {max_arg} is less than 0")

    @classmethod
    def of(cls, env: object) -> ActionSpace:
        """Reads `action_names` and `max_action_args` (a sequence, or a mapping by name) of an environment."""
        names: Sequence[str] = tuple(getattr(env, "action_names"))  # noqa: B009 - env is anything that has the facts
        max_args = getattr(env, "max_action_args")  # noqa: B009
        if isinstance(max_args, Mapping):
            max_args = [max_args[name] for name in names]
        return cls(tuple(names), tuple(int(max_arg) for max_arg in max_args))

    @property
    def num_flat_actions(self) -> int:
        """F = sum of (max_arg + 1)."""
        return sum(self.max_args) + len(self.max_args)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Flat index of (type, 0) for every type."""
        starts = np.cumsum([0, *(max_arg + 1 for max_arg in self.max_args)])
        return tuple(int(start) for start in starts[:-1])

    def flat_actions(self) -> np.ndarray:
        """int32 [F, 2]: row k is the (type, argument) pair of flat action k."""
        pairs = [(kind, arg) for kind, max_arg in enumerate(self.max_args) for arg in range(max_arg + 1)]
        return np.asarray(pairs, np.int32)

    def full_names(self) -> tuple[str, ...]:
        """`<action name>_<argument>` of every flat action, in flat order."""
        return tuple(
            f"{name}_{arg}"
            for name, max_arg in zip(self.names, self.max_args, strict=True)
            for arg in range(max_arg + 1)
        )

    def flat_index(self, actions: np.ndarray) -> np.ndarray:
        """int32 [...] flat indices of `actions` [..., 2]; ValueError for a pair outside the table. Host only."""
        actions = np.asarray(actions)
        if actions.ndim < 1 or actions.shape[-1] != 2:
            raise ValueError(f"actions: shape {actions.shape} does not end in 2 (type, argument)")
        kinds, args = actions[..., 0], actions[..., 1]
        max_args = np.asarray(self.max_args, np.int32)
        known = (kinds >= 0) & (kinds < len(self.names))
        valid = known & (args >= 0) & (args <= max_args[np.where(known, kinds, 0)])
        if not valid.all():
            kind, arg = actions[~valid].reshape(-1, 2)[0].tolist()
            allowed = ", ".join(
                f"{index} {name} 0..{max_arg}"
                for index, (name, max_arg) in enumerate(zip(self.names, self.max_args, strict=True))
            )
            raise ValueError(f"actions: ({kind}, {arg}) is not a valid (type, argument) pair; valid are {allowed}")
        return (np.asarray(self.offsets, np.int32)[kinds] + args).astype(np.int32)


def assign_action_rows(
    full_names: Sequence[str], known_rows: Mapping[str, int], num_embeddings: int
) -> tuple[dict[str, int], np.ndarray]:
    """Gives every action name a row of the embedding table.

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
