"""What a policy has to know of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class EnvSpec(Protocol):
    """The names and sizes that a policy is bound to: those of every environment here, or of another engine.

    An optional attribute `unique_tokens` that is True promises that no observation has two tokens for one location and
    feature, so that an accelerator need not search for the later one.
    """

    @property
    def action_names(self) -> Sequence[str]:
        """In the order of action indices."""
        ...

    @property
    def max_action_args(self) -> Sequence[int] | Mapping[str, int]:
        """The largest argument of each action, in their order or by name."""
        ...

    @property
    def obs_width(self) -> int:
        """Columns of the window that tokens lie in, 1..15."""
        ...

    @property
    def obs_height(self) -> int:
        """Rows of it."""
        ...

    @property
    def num_observation_tokens(self) -> int:
        """Tokens of an observation."""
        ...

    def get_observation_features(self) -> Mapping[str, Mapping[str, Any]]:
        """{feature name: {"id": int, "normalization": float}}; a policy reads features by these names."""
        ...


def has_unique_tokens(env: EnvSpec) -> bool:
    """Whether an environment promises `unique_tokens`; one that does not have the attribute does not."""
    return bool(getattr(env, "unique_tokens", False))
