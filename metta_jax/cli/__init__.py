"""`python -m metta_jax <command>`, and `metta-jax <command>`.

`arguments/` declares the arguments of each command; the file with its name here implements it and is loaded when it
runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code.

    0: done. 2: a mistake of the user, reported in one line on standard error. 130: ended by control-C.
    """
    # Otherwise, when a compilation takes long, XLA prints a banner that asks people to report a bug. Real problems
    # are raised as errors. XLA reads this variable when it is loaded.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from metta_jax.cli.loading import leaves_at_once

    with leaves_at_once():
        from metta_jax.cli import command_line

    return command_line.main(arguments)
