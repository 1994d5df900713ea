"""Errors for what comes in from other programs, before anything is traced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MAX_SEED = (1 << 32) - 1
_INT32 = np.iinfo(np.int32)


def check_seed(seed: object) -> int:
    """The seed as an int; ValueError unless it is in 0..2^32-1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= _MAX_SEED:
        raise ValueError(f"seed: {seed!r} is not an integer in 0..{_MAX_SEED}")
    return int(seed)


def check_actions(actions: npt.ArrayLike, shape: tuple[int, ...], name: str = "actions") -> np.ndarray:
    """The actions as int32 of this shape; ValueError for another shape, and for anything but integers of 32 bits."""
    try:
        array = np.asarray(actions)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths but expected shape {list(shape)}") from None
    if array.shape != shape:
        raise ValueError(f"{name} has shape {list(array.shape)} but expected {list(shape)}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {array.dtype} but expected int32")
    if array.size and not (_INT32.min <= array.min() and array.max() <= _INT32.max):
        raise ValueError(f"{name} has values outside of int32")
    return array.astype(np.int32)


def check_observations(observations: npt.ArrayLike, shape: tuple[int, ...], name: str = "observations") -> np.ndarray:
    """The observations, uint8 of this shape; ValueError if they are not."""
    array = np.asarray(observations)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {list(array.shape)} but expected {list(shape)}")
    if array.dtype != np.uint8:
        raise ValueError(f"{name} has dtype {array.dtype} but expected uint8")
    return array


def idle_action(action_names: tuple[str, ...]) -> np.ndarray:
    """int32 [2], what an agent does for which no action is given.

    noop, or (0, 0) as in the original if noop is not enabled.
    """
    return np.array([action_names.index("noop") if "noop" in action_names else 0, 0], np.int32)
