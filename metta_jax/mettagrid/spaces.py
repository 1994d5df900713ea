"""Descriptions of an environment's actions and observations.

Flat actions are one categorical choice over the valid (type, argument) pairs. Pair k of the table is the
k-th valid pair in the order of the types, then of the arguments: k = type + sum of max_arg over the earlier types +
argument.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from metta_jax.mettagrid.env_spec import EnvSpec


@dataclasses.dataclass(frozen=True)
class ActionSpace:
    """The action types of an environment, in its index order; an action is int32 [2], type and argument.

    `names` are the names that the environment reports, `max_args` the largest argument of each. Like a space of
    Gymnasium or gymnax it has a `shape`, a `dtype`, `sample` and `contains`, all for one agent.
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
    def of(cls, env: EnvSpec) -> ActionSpace:
        """Read `action_names` and `max_action_args` (a sequence, or a mapping by name) of an environment."""
        names = tuple(env.action_names)
        max_args = env.max_action_args
        if isinstance(max_args, Mapping):
            max_args = [max_args[name] for name in names]
        return cls(names, tuple(int(max_arg) for max_arg in max_args))

    @property
    def num_flat_actions(self) -> int:
        """F: the sum of max_arg + 1 over all types."""
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

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one action: type and argument."""
        return (2,)

    @property
    def dtype(self) -> np.dtype:
        """int32."""
        return np.dtype(np.int32)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Valid actions int32 [*shape, 2], all pairs equally probable; (N, A) makes those of a batch. Pure."""
        flat = jax.random.randint(key, shape, 0, self.num_flat_actions, jnp.int32)
        return jnp.asarray(self.flat_actions())[flat]

    def contains(self, action: npt.ArrayLike) -> bool:
        """Whether all of `action` [..., 2] are valid pairs of whole numbers. Host only."""
        action = np.asarray(action)
        if action.dtype.kind not in "iu" or action.shape[-1:] != (2,):
            return False
        try:
            self.flat_index(action)
        except ValueError:
            return False
        return True


@dataclasses.dataclass(frozen=True)
class Box:
    """Arrays of one shape and dtype with values in low..high."""

    low: int
    high: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Whole numbers, all equally probable, [*shape, *self.shape]. Pure."""
        drawn = jax.random.randint(key, (*shape, *self.shape), self.low, self.high + 1, jnp.int32)
        return drawn.astype(self.dtype)

    def contains(self, value: npt.ArrayLike) -> bool:
        """Whether `value` has the dtype, this shape or further leading axes, and values in low..high. Host only."""
        value = np.asarray(value)
        fits = value.dtype == self.dtype and value.shape[value.ndim - len(self.shape) :] == self.shape
        return bool(fits and (value >= self.low).all() and (value <= self.high).all())


def observation_space(env: EnvSpec) -> Box:
    """What one agent sees: uint8 [M, 3], tokens of a location, a feature and a value."""
    return Box(0, 255, (int(env.num_observation_tokens), 3), np.dtype(np.uint8))
