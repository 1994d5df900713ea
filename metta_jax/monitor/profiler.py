"""Traces of single epochs by jax.profiler."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import jax

from metta_jax.config import ProfilerConfig
from metta_jax.monitor.intervals import is_due

# Also without a multiple of the interval: by then everything is compiled, and the run is still young.
EARLY_EPOCH = 300

_logger = logging.getLogger(__name__)


class EpochProfiler:
    """A context manager that traces the training epoch within it if it was armed, and otherwise does nothing.

        profiler = EpochProfiler(config.profiler, run="my_run", profile_dir=config.paths.profiles)
        while training continues:
            with profiler:
                state, metrics = training.train_step(state)
                jax.block_until_ready(state)
            profiler.on_epoch_end(int(state.epoch))

    Wait for the results inside the block: what is still running at its end is not in the trace.

    Args:
      config: a ProfilerConfig; `interval_epochs` 0 switches it off.
      run: name of the run, part of the directory's name.
      profile_dir: where traces go; None: `config.profile_dir`.

    Raises:
      ValueError: it is on, and no directory is given.
    """

    def __init__(self, config: ProfilerConfig, run: str, profile_dir: str | os.PathLike[str] | None = None) -> None:
        directory = profile_dir or config.profile_dir
        if config.enabled and not directory:
            raise ValueError("profile_dir: neither given nor in the configuration")
        self._interval = config.interval_epochs
        self._run = run
        self._directory = Path(directory)
        self._last_epoch: int | None = None
        self._armed: int | None = None
        self._is_tracing = False

    @property
    def is_armed(self) -> bool:
        """Whether the next block is traced."""
        return self._armed is not None

    def on_epoch_end(self, epoch: int) -> None:
        """Arm the profiler if `epoch`, the number of finished ones, is a multiple of the interval, or 300."""
        if self._interval == 0:
            return
        previous, self._last_epoch = self._last_epoch, epoch
        early = (epoch - 1 if previous is None else previous) < EARLY_EPOCH <= epoch
        if early or is_due(epoch, self._interval, previous=previous):
            self._armed = epoch

    def path(self, epoch: int) -> Path:
        """The directory of the trace that was armed at the end of `epoch`."""
        return self._directory / f"trace_{self._run}_epoch_{epoch}"

    def __enter__(self) -> Self:
        if self._armed is not None:
            path = self.path(self._armed)
            path.mkdir(parents=True, exist_ok=True)
            jax.profiler.start_trace(str(path))
            self._is_tracing = True
            _logger.info("Tracing one epoch into %s", path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_tracing:
            self._is_tracing, self._armed = False, None
            jax.profiler.stop_trace()
