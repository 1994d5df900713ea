"""Trained policies, as rooms take them that know nothing of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from metta_jax.agent.agent import Agent


class SavedPolicy(Protocol):
    """A policy with its parameters and what is known about it: a `metta_jax.store.PolicyRecord`."""

    @property
    def uri(self) -> str | None:
        """Where it is saved; None: nowhere."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was saved with it: "epoch" is the update epoch."""
        ...

    @property
    def agent(self) -> Agent:
        """The network, bound to the environment that it was saved with."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""
        ...


class SavedPolicies(Protocol):
    """Where policies are found by URI: a `metta_jax.store.PolicyStore`."""

    def policy_record(self, uri: str, /) -> SavedPolicy:
        """The one policy there; ValueError if there is none."""
        ...
