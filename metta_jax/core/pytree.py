"""A name for what JAX has no type for."""

from typing import Any, TypeAlias

PyTree: TypeAlias = Any
"""Arrays in nested tuples, mappings and dataclasses: parameters of a network, states of an environment, gradients."""
