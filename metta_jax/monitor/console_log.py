"""A few of a run's metrics on the console, with a live progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from metta_jax.monitor.logger import Logger, finite_number
from metta_jax.monitor.progress import ProgressLine

SHOWN = {
    "reward": "overview/reward",
    "policy": "losses/policy_loss",
    "value": "losses/value_loss",
    "entropy": "losses/entropy",
}


class ConsoleLog(Logger):
    """Show chosen metrics in a `ProgressLine`.

    Args:
      total_steps: agent steps of the whole run.
      start_step: where it begins; more than 0 after a resume.
      shown: label -> name of the metric. What a record lacks, or what is not a finite number, is not shown.
      console: where to write; None: standard output.
      log_interval_s: seconds between lines when the output is not a terminal.
    """

    def __init__(
        self,
        total_steps: int,
        *,
        start_step: int = 0,
        shown: Mapping[str, str] = SHOWN,
        console: Console | None = None,
        log_interval_s: float = 10.0,
    ) -> None:
        self._shown = dict(shown)
        self._line = ProgressLine(total_steps, start_step=start_step, console=console, log_interval_s=log_interval_s)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Redraw the line."""
        values = {label: finite_number(metrics.get(name)) for label, name in self._shown.items()}
        self._line.update(int(step), {label: value for label, value in values.items() if value is not None})

    def set_activity(self, what: str | None) -> None:
        """Show what the run is doing instead of training, and for how many seconds."""
        self._line.set_activity(what)

    def close(self) -> None:
        """Leave the last line standing."""
        self._line.close()
