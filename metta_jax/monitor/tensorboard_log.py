"""Metrics for TensorBoard (optional: `pip install 'metta-jax[tensorboard]'`; TensorFlow is not needed)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.logger import Logger, as_number
from metta_jax.monitor.optional import require

_EXTRA = "tensorboard"


class TensorBoardLog(Logger):
    """Writes scalars into an event file of its own: `tensorboard --logdir DIRECTORY` shows them live.

    Texts and None have no curve and are left out.

    Args:
      directory: of the run; made if it is not there.
      flush_s: seconds after which what was logged is on disk at the latest.

    Raises:
      ImportError: tensorboard is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str], *, flush_s: float = 10.0) -> None:
        writer = require("tensorboard.summary.writer.event_file_writer", _EXTRA)
        self._event = require("tensorboard.compat.proto.event_pb2", _EXTRA).Event
        self._summary = require("tensorboard.compat.proto.summary_pb2", _EXTRA).Summary
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._writer: Any = writer.EventFileWriter(str(self.directory), flush_secs=flush_s)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Hands the numbers of one record to the writing thread."""
        numbers = ((name, as_number(value)) for name, value in metrics.items())
        values = [self._summary.Value(tag=name, simple_value=number) for name, number in numbers if number is not None]
        if values:
            event = self._event(wall_time=time.time(), step=int(step), summary=self._summary(value=values))
            self._writer.add_event(event)

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._writer.close()
