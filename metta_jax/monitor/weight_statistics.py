"""Weight metrics of an agent, at the interval that its configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metta_jax.monitor.intervals import is_due


def due_weight_metrics(
    agent: Any, params: Mapping[str, Any], epoch: int, *, previous: int | None = None
) -> dict[str, float | str]:
    """`agent.weight_metrics(params)` every `agent.config.analyze_weights_interval` epochs, else {}.

    Keys are weights/<metric>/<component>. The singular values take time on the host: about a millisecond for a layer of
    128 x 128. Agents without a configuration, and those without weight metrics, have none.

    Args:
      epoch: finished update epochs.
      previous: their number at the last call, if it is not one less.
    """
    interval = getattr(getattr(agent, "config", None), "analyze_weights_interval", 0)
    if not hasattr(agent, "weight_metrics") or not is_due(epoch, interval, previous=previous):
        return {}
    return agent.weight_metrics(params)
