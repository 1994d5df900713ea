"""Errors for common mistakes: arguments in the wrong order, a class instead of an instance, a seed instead of a key."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.mettagrid.env_spec import EnvSpec


def kind_of(value: object) -> str:
    """What a value is, for a message: "the class X", "the function f", or "an X"."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    if name == "function":
        return f"the function {getattr(value, '__name__', name)}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return "a random key" if is_key(value) else "an array"
    return "None" if value is None else _a(name)


def is_key(value: object) -> bool:
    """Whether a value is a random key or an array of them, typed or old-style (uint32 [..., 2])."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return False
    return jnp.issubdtype(dtype, jax.dtypes.prng_key) or (dtype == jnp.uint32 and getattr(value, "ndim", 0) > 0)


def check_key(key: object, name: str = "key") -> None:
    """Raise ValueError unless `key` is one random key."""
    if not is_key(key):
        given = f"{key!r}" if isinstance(key, int | float | str) else kind_of(key)
        raise ValueError(f"{name}: {given} is not a random key; jax.random.key(0) makes one from a seed")
    shape = list(getattr(key, "shape", ()))
    is_old = getattr(key, "dtype", None) == jnp.uint32
    if len(shape) != int(is_old):
        raise ValueError(f"{name}: an array of keys of shape {shape}; give one key, or use jax.vmap")


def check_reset(params: object, key: object, params_class: type) -> None:
    """Raise ValueError unless these are the parameters of an environment and a key."""
    if is_key(params) and isinstance(key, params_class):
        raise ValueError("reset: its arguments are in the wrong order; it is reset(params, key)")
    _check_class("reset", "params", params, params_class, "env.params")
    check_key(key)


def check_step(params: object, state: object, params_class: type, state_class: type) -> None:
    """Raise ValueError unless these are the parameters and a state of an environment."""
    if isinstance(params, state_class) or isinstance(state, params_class):
        raise ValueError("step: its arguments are in the wrong order; it is step(params, state, actions)")
    _check_class("step", "params", params, params_class, "env.params")
    _check_class("step", "state", state, state_class, "the first of the two that reset and step return")


def check_array(name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless `value` is int32 of this shape."""
    got, dtype = np.shape(value), getattr(value, "dtype", None)
    if got != shape:
        hint = "; flat actions become pairs by env.flat_actions[actions]" if got == shape[:-1] and shape[1:] else ""
        raise ValueError(f"{name}: shape {list(got)} is not {list(shape)}{hint}")
    if dtype != np.int32:
        kind = dtype if dtype is not None else type(value).__name__
        raise ValueError(f"{name}: dtype {kind} is not int32")


def _check_class(call: str, name: str, value: object, wanted: type, hint: str) -> None:
    if not isinstance(value, wanted):
        raise ValueError(f"{call}: {name} is {kind_of(value)}, not {_a(wanted.__name__)}: {hint}")


def check_env_spec(env: object) -> None:
    """Raise ValueError unless `env` has the static facts of an `EnvSpec`."""
    names = [name for name in vars(EnvSpec) if not name.startswith("_")]
    if isinstance(env, type):
        raise ValueError(f"env: {kind_of(env)} is given, an instance is needed: {env.__name__}(...)")
    if isinstance(env, str):
        raise ValueError(f"env: {env!r} is text, an environment is needed: Environment({env!r})")
    for name in names:
        if not hasattr(env, name):
            raise ValueError(f"env: {kind_of(env)} is not an environment, it has no attribute {name!r}")


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"
