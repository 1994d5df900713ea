"""Metrics for TensorBoard (optional: `pip install 'metta-jax[tensorboard]'`; TensorFlow is not needed)."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.line_file import replacing
from metta_jax.monitor.logger import Logger, as_number, plain_values, storable
from metta_jax.monitor.optional import require

_EXTRA = "tensorboard"
_FILES = "events.out.tfevents.*"
_LENGTH, _CHECKSUM_BYTES = struct.Struct("<Q"), 4


class TensorBoardLog(Logger):
    """Write scalars into an event file of its own: `tensorboard --logdir DIRECTORY` shows them live.

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
        self._earlier = [path for path in self.directory.glob(_FILES) if path.is_file()]
        self._writer: Any = writer.EventFileWriter(str(self.directory), flush_secs=flush_s)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Hand the numbers of one record to the writing thread."""
        numbers = ((storable(name), as_number(value)) for name, value in plain_values(metrics).items())
        values = [self._summary.Value(tag=name, simple_value=number) for name, number in numbers if number is not None]
        if values:
            event = self._event(wall_time=time.time(), step=int(step), summary=self._summary(value=values))
            self._writer.add_event(event)

    def forget_after(self, step: int) -> None:
        """Delete records of later steps from event files that existed before this one."""
        for path in self._earlier:
            if path.exists():
                content = path.read_bytes()
                kept = [record for event, record in _records(content) if self._event.FromString(event).step <= step]
                if kept and sum(map(len, kept)) < len(content):  # without any record it is not an event file
                    with replacing(path) as temporary:
                        temporary.write_bytes(b"".join(kept))

    def close(self) -> None:
        """Write what is left and close the file."""
        self._writer.close()


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each event of a file, bare and with its length and checksums; an incomplete one (a killed run) is left out."""
    position = 0
    while position + _LENGTH.size <= len(content):
        (size,) = _LENGTH.unpack_from(content, position)
        start = position + _LENGTH.size + _CHECKSUM_BYTES
        end = start + size + _CHECKSUM_BYTES
        if end > len(content):
            return
        yield content[start : start + size], content[position:end]
        position = end
