"""Orbax in one of several processes, of which the others take no part.

Orbax has an option for it, `active_processes`, and follows it in all but one place: before a save, orbax-checkpoint
0.12.8 compares the directory with that of all processes, and would wait for them forever. No option leaves that out. So
the function that compares, which is not public, gets a stand-in that does the same except where `orbax_alone` says so.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax

_MODULE = "orbax.checkpoint.experimental.v1._src.saving.execution"
_COMPARISON = "_check_directory_consistency"

_IS_ALONE: ContextVar[bool] = ContextVar("is_alone", default=False)


@contextmanager
def orbax_alone() -> Generator[None]:
    """Within the block, Orbax saves for this process only, even if the run has several. Other threads are unaffected.

    The option `active_processes` is needed too. With one process, this has no effect.
    """
    if jax.process_count() > 1:
        with contextlib.suppress(AttributeError, ImportError):  # other versions may not have the comparison
            _put_stand_in(importlib.import_module(_MODULE))
    token = _IS_ALONE.set(True)
    try:
        yield
    finally:
        _IS_ALONE.reset(token)


def _put_stand_in(module: Any) -> None:
    """Once for the process: saves may run side by side, and the first to end must not undo it for the others."""
    compare = getattr(module, _COMPARISON)
    if isinstance(compare, _Comparison):
        return
    setattr(module, _COMPARISON, _Comparison(compare))


class _Comparison:
    """Compares directories as Orbax does, unless this process saves alone."""

    def __init__(self, compare: Any) -> None:
        self._compare = compare

    def __call__(self, directory: Any) -> None:
        if not _IS_ALONE.get():
            self._compare(directory)
