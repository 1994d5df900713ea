"""Packages that only some users want."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """The imported module.

    Args:
      module: its full name.
      extra: of metta-jax, the one that installs it.

    Raises:
      ImportError: its package is not installed; says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # it is installed, but something that it needs is not
        raise ImportError(f"{package} is not installed: pip install 'metta-jax[{extra}]'", name=package) from None


def find(module: str) -> ModuleType | None:
    """The imported module, or None if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
