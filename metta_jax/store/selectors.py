"""Which of several policies: all, latest, rand, top, specific."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import jax
import numpy as np

SELECTORS = ("all", "latest", "rand", "top", "specific")
_ENOUGH = 0.8  # share of the records that must have a metric for it to decide

_logger = logging.getLogger(__name__)


class _HasMetadata(Protocol):
    @property
    def metadata(self) -> Any: ...


Record = TypeVar("Record", bound=_HasMetadata)


def select(
    records: Sequence[Record], selector_type: str, n: int = 1, metric: str = "score", key: jax.Array | None = None
) -> list[Record]:
    """Choose from records, which are sorted by epoch and at least one.

    all: every record. latest: the n highest epochs, the highest first. rand: n different ones, drawn with `key` (None:
    key 0). top: the n highest values of `metric`, the best first; fewer if fewer have it; the latest one if none or
    less than 80 % of the records have it; both with a warning. specific: the only record.

    Raises:
      ValueError: "Invalid selector type: X", n below 1, or `specific` with several records.
    """
    if n < 1:
        raise ValueError(f"n: {n} is not at least 1")
    if selector_type == "all":
        return list(records)
    if selector_type == "latest":
        return list(reversed(records))[:n]
    if selector_type == "rand":
        order = jax.random.permutation(jax.random.key(0) if key is None else key, len(records))
        return [records[index] for index in np.asarray(order)[:n]]
    if selector_type == "top":
        return _top(records, n, metric)
    if selector_type == "specific":
        if len(records) != 1:
            raise ValueError(f"specific: the URI names {len(records)} policies, not one")
        return list(records)
    raise ValueError(f"Invalid selector type: {selector_type}")


def metric_value(metadata: Mapping[str, Any], metric: str) -> float | None:
    """A finite number from the metadata, or None: looked up in eval_scores, in evals, then at the top level.

    In nested mappings names are joined by "/"; the name of the outermost one may be left out:
    `category_scores/navigation` and `navigation` find the same.
    """
    for place in (metadata.get("eval_scores"), metadata.get("evals"), metadata):
        flat = _flatten(place) if isinstance(place, Mapping) else {}
        if metric in flat:
            return flat[metric]
        shortened = {name.split("/", 1)[1]: value for name, value in flat.items() if "/" in name}
        if place is not metadata and metric in shortened:
            return shortened[metric]
    return None


def _top(records: Sequence[Record], n: int, metric: str) -> list[Record]:
    values = [metric_value(record.metadata, metric) for record in records]
    found = [index for index, value in enumerate(values) if value is not None]
    if not found:
        _logger.warning("Metric '%s' is in no policy's metadata. Selecting the latest policy.", metric)
        return [records[-1]]
    if len(found) < _ENOUGH * len(records):
        _logger.warning(
            "Metric '%s' is in the metadata of %d of %d policies, too few. Selecting the latest policy.",
            metric,
            len(found),
            len(records),
        )
        return [records[-1]]
    if len(found) < n:
        _logger.warning("Only %d policies have the metric '%s', %d were requested.", len(found), metric, n)
    # Of equally good ones the newer comes first.
    found.sort(key=lambda index: (values[index], index), reverse=True)
    return [records[index] for index in found[:n]]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            flat[f"{prefix}{name}"] = value
    return flat
