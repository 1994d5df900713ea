"""The metric of a trial, one value for each part of its run."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from metta_jax.core.hints import suggestion
from metta_jax.monitor import Logger, read_json_lines
from metta_jax.monitor.logger import STEP
from metta_jax.sweep.taken import Taken
from metta_jax.trainer import METRICS


class TrialPruned(Exception):
    """The trial should stop early: others are better."""


class TrialProgress(Logger):
    """Report a run's metric to its trial at the end of each part, and end the run if it falls behind.

    Args:
      trial: the trial. metric: its name. run_dir: of the run, which may have started already.
      total: agent steps of the run. parts: number of equal parts.
      keep_going_fn: called after each update; if it returns False, the run shuts down cleanly, as after SIGTERM.

    `log` raises TrialPruned, or TrialIsOver, between two updates; the run has saved everything by then.
    """

    def __init__(
        self,
        trial: Taken,
        metric: str,
        run_dir: Path,
        *,
        total: int,
        parts: int,
        keep_going_fn: Callable[[], bool] = lambda: True,
    ) -> None:
        self._trial = trial
        self._metric = metric
        self._total = total
        self._parts = parts
        self._keep_going_fn = keep_going_fn
        file = run_dir / METRICS
        self._records = read_json_lines(file) if file.exists() else []
        self._num_reported = 0

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Take the metrics of an update."""
        if not self._keep_going_fn():
            signal.raise_signal(signal.SIGTERM)
        self._records.append({**metrics, STEP: step})
        done = min(step * self._parts // self._total, self._parts)
        if done == self._num_reported:
            return
        means = part_means(self._records, self._metric, self._total, self._parts)
        is_behind = False
        for part in range(self._num_reported + 1, done + 1):
            if part in means:
                is_behind = self._trial.report(part, means[part])
        self._num_reported = done
        if is_behind and done < self._parts:
            raise TrialPruned

    def forget_after(self, step: int) -> None:
        """Delete records of later steps."""
        self._records = [record for record in self._records if record[STEP] <= step]


def part_means(records: Iterable[Mapping[str, Any]], metric: str, total: int, parts: int) -> dict[int, float]:
    """The mean of a metric over the updates that end in each part of a run; parts without a value are left out.

    Args:
      records: with the agent steps as "step". total: agent steps of the run. parts: number of equal parts, from 1.
    """
    values: dict[int, list[float]] = {}
    for record in records:
        value = record.get(metric)
        if isinstance(value, int | float) and math.isfinite(value):
            part = min(max(-(-record[STEP] * parts // total), 1), parts)
            values.setdefault(part, []).append(value)
    return {part: math.fsum(found) / len(found) for part, found in values.items()}


def final_score(run_dir: Path, metric: str, total: int, parts: int) -> float:
    """The mean of a metric over the last part of a run; if it has no value there, its last value.

    Raises:
      ValueError: no update has the metric; names the nearest one.
    """
    records = read_json_lines(run_dir / METRICS)
    means = part_means(records, metric, total, parts)
    if parts in means:
        return means[parts]
    known = [record[metric] for record in records if isinstance(record.get(metric), int | float)]
    known = [value for value in known if math.isfinite(value)]
    if known:
        return known[-1]
    names = {name for record in records for name in record}
    if metric in names:
        raise ValueError(f"metric: {metric!r} never had a value in this run; train longer, or choose another metric")
    raise ValueError(f"metric: the run has no {metric!r}{suggestion(metric, sorted(names))}")
