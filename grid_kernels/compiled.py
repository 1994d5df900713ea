"""Pure methods that are compiled once for each shape of their arguments, wherever they are called from."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import jax

_Method = TypeVar("_Method", bound=Callable[..., Any])
_KEY = "_compiled_methods"


def compiled(method: _Method) -> _Method:
    """Compile a pure method of an object that never changes; every argument is an array, a pytree of them, or None.

    Without it, a call outside of `jax.jit` would recompile each of its loops and branches, since JAX knows those by
    the function objects that they are made of. Inside of a jit the method is inlined: the program is the one without
    the decorator, and can be transformed like it.

    The programs are kept with the object and go with it; a copy of the object makes its own.
    """
    name = method.__qualname__

    @functools.wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        programs = vars(self).get(_KEY)
        if programs is None or programs.owner() is not self:
            programs = vars(self)[_KEY] = _Programs(weakref.ref(self))
        if name not in programs:
            programs[name] = jax.jit(functools.partial(_call, method, programs.owner), inline=True)
        return programs[name](*args, **options)

    return call  # type: ignore[return-value]


class _Programs(dict[str, Callable[..., Any]]):
    """The compiled methods of one object by name. They know it by a weak reference: arrays of it are freed at once."""

    def __init__(self, owner: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.owner = owner

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Programs, ())  # programs are neither copied nor pickled


def _call(method: Callable[..., Any], owner: Callable[[], Any], *args: Any, **options: Any) -> Any:
    return method(owner(), *args, **options)
