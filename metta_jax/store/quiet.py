"""Silences what Orbax and TensorStore print when something fails; the error is raised anyway, and told in one line."""

from __future__ import annotations

import gc
import logging
import sys
import traceback
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_orbax() -> Generator[None]:
    """Within the block Orbax logs nothing; otherwise a failure fills hundreds of lines, from every thread."""
    _silence_late_reports()

    def is_of_others(record: logging.LogRecord) -> bool:  # removed with this block: saves may run side by side
        return "orbax" not in record.pathname and "never retrieved" not in str(record.msg)

    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    for logger in loggers:
        logger.addFilter(is_of_others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_of_others)


def drop_coroutines(error: Exception) -> None:
    """Drop coroutines and tasks that Orbax never awaits; Python would warn about them at some later time."""
    with quiet_orbax(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        traceback.clear_frames(error.__traceback__)
        gc.collect()


def _is_no_late_report(record: logging.LogRecord) -> bool:
    return "_SignalingThread.run() raised" not in str(record.msg)


def _silence_late_reports() -> None:
    """Threads of a failed write may report at any later time, so this is never undone.

    TensorStore reports to an event loop that is closed by then, and Python prints a traceback for each report.
    """
    logging.getLogger("absl").addFilter(_is_no_late_report)  # adding it again has no effect
    hook = sys.unraisablehook
    if getattr(hook, "is_of_metta_jax", False):
        return

    def unraisable_hook(problem: Any) -> None:
        is_late = problem.exc_type is RuntimeError and str(problem.exc_value) == "Event loop is closed"
        if not (is_late and problem.object is None):
            hook(problem)

    unraisable_hook.is_of_metta_jax = True  # type: ignore[attr-defined]
    sys.unraisablehook = unraisable_hook
