"""A trial that this process is running."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from metta_jax.sweep.space import Value

SLOT, VALUES, ERROR, STOPPED = "slot", "values", "error", "was_stopped"  # attributes of a trial


class TrialIsOver(Exception):
    """Another process presumed this one dead and continues the trial."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A trial that this process is running; `complete`, `prune`, `fail` or `stop` ends it.

    Attributes:
      number: of the trial in the study. slot: of the sweep. values: of the fields.
    """

    trial: Any
    number: int
    slot: int
    values: Mapping[str, Value]
    _optuna: Any
    _study: Any
    _beat_fn: Callable[[], None]
    _heartbeat_s: float

    def report(self, part: int, value: float) -> bool:
        """Report the metric of a part of the run, 1, 2, ...; return whether the trial should stop.

        Raises:
          TrialIsOver: another process has taken it over.
        """
        with self._owned():
            self.trial.report(value, part)
            return self.trial.should_prune()

    def complete(self, score: float) -> None:
        """Mark the trial as complete."""
        with self._owned():
            self._study.tell(self.trial, score)

    def prune(self) -> None:
        """Mark the trial as pruned: it ended early because others are better."""
        with self._owned():
            self._study.tell(self.trial, state=self._optuna.trial.TrialState.PRUNED)

    def fail(self, error: str) -> None:
        """Mark the trial as failed: its values are impossible and will not be tried again."""
        self._end({ERROR: error})

    def stop(self) -> None:
        """Mark the trial as stopped cleanly; the next process resumes its run."""
        self._end({STOPPED: True})

    @contextlib.contextmanager
    def beating(self) -> Generator[None]:
        """Send heartbeats during the block."""
        is_over = threading.Event()

        def beat() -> None:
            while not is_over.wait(self._heartbeat_s):
                with contextlib.suppress(Exception):  # the database may be reachable again next time
                    self._beat_fn()

        thread = threading.Thread(target=beat, name="sweep heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _end(self, attributes: Mapping[str, Any]) -> None:
        with self._owned():
            for name, value in attributes.items():
                self.trial.set_user_attr(name, value)
            self._study.tell(self.trial, state=self._optuna.trial.TrialState.FAIL)

    @contextlib.contextmanager
    def _owned(self) -> Generator[None]:
        try:
            yield
        except self._optuna.exceptions.UpdateFinishedTrialError:
            raise TrialIsOver(f"trial {self.number} was presumed dead; another process continues it") from None
