"""The grid engine once more: sequential, in plain Python and NumPy scalars, one rule after the other.

It shares no code with `metta_jax` and reads the configuration as a plain dict in the original's 2025-07-19 form, so it
checks the array engine and the configuration classes independently. It is slow and meant to be read.
"""

from __future__ import annotations

from tests.oracle.engine import Oracle, TimeStep, World

__all__ = ["Oracle", "TimeStep", "World"]
