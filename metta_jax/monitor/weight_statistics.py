"""Weight metrics of an agent, at the interval that its configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from metta_jax.core.pytree import PyTree
from metta_jax.monitor.intervals import is_due


class WeighedAgent(Protocol):
    """What `due_weight_metrics` needs of a `metta_jax.agent.Policy`."""

    @property
    def analyze_weights_interval(self) -> int:
        """Epochs between two `weight_metrics`; 0: never."""
        ...

    def weight_metrics(self, params: PyTree) -> Mapping[str, float | str]:
        """Metrics of the weights, on the host."""
        ...


def due_weight_metrics(
    agent: WeighedAgent, params: PyTree, epoch: int, *, previous: int | None = None
) -> dict[str, float | str]:
    """`agent.weight_metrics(params)` every `agent.analyze_weights_interval` epochs, else {}.

    Keys are weights/<metric>/<component>. The singular values take time on the host: about a millisecond for a layer of
    128 x 128.

    Args:
      epoch: finished update epochs.
      previous: their number at the last call, if it is not one less.
    """
    if not is_due(epoch, agent.analyze_weights_interval, previous=previous):
        return {}
    return dict(agent.weight_metrics(params))
