"""One save at a time behind the back of the training loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class BackgroundSaver:
    """Run writes in a thread, in order; thread-safe.

    `submit` waits for the write before it and raises its error, as do `wait` and the end of a `with` block. Leave the
    block or call `wait` before the program ends: a write that the interpreter's end catches is given up, which loses
    that save and nothing else.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def submit(self, write: Callable[[], object]) -> None:
        """Start a write as soon as the one before it has ended. It must not touch arrays that may be donated."""
        with self._lock:
            self._finish()
            self._thread = threading.Thread(target=self._run, args=(write,), name="metta_jax-save")
            self._thread.start()

    def wait(self) -> None:
        """Return when nothing is being written. Raises the error of the last write, once."""
        with self._lock:
            self._finish()

    def __enter__(self) -> BackgroundSaver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif self._thread is not None:  # the error on its way out is the one to report
            self._thread.join()

    def _run(self, write: Callable[[], object]) -> None:
        try:
            write()
        except BaseException as error:
            self._error = error

    def _finish(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._thread, error, self._error = None, self._error, None
        if error is not None:
            raise error
