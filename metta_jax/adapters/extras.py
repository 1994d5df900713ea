"""The libraries that adapters are for; none of them is needed otherwise."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(name: str) -> ModuleType:
    """The module; an ImportError that says what to install if it is not there."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ImportError(
            f"{error.name} is not installed; this adapter needs: pip install 'metta-jax[adapters]'"
        ) from error
