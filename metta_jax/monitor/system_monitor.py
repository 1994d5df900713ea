"""A thread that samples the machine, the process and its accelerators."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, overload

from metta_jax.monitor import system_readings as readings
from metta_jax.monitor.stopwatch import Stopwatch
from metta_jax.monitor.system_readings import Accelerator, CpuLoad, Source, Values

# Before the first sample, so that the clocks behind the percentages have ticked (they do so every 10 ms).
_FIRST_INTERVAL_S = 0.05
_HOURLY_COST = "METTA_HOURLY_COST"


class SystemMonitor:
    """Sample metrics every `sampling_interval_sec` in a daemon thread; the first sample is there when `start` returns.

    Always: cpu_percent, cpu_count, cpu_count_logical, cpu_count_physical; memory_percent, memory_available_mb,
    memory_used_mb, memory_total_mb; of this process process_memory_mb (resident), process_cpu_percent (100: one core),
    process_threads. cpu_temperature (°C) where sensors report it. With accelerators gpu_count, gpu_utilization_avg,
    gpu_memory_percent_avg, gpu_memory_used_mb_total and gpu<i>_utilization, gpu<i>_memory_percent,
    gpu<i>_memory_used_mb. If METTA_HOURLY_COST is set cost/hourly_total and cost/accrued_total. MB are 1024 * 1024
    bytes.

    A metric that cannot be read is None; that is logged once until it works again.

    Args:
      sampling_interval_sec: seconds between samples.
      history_size: how many (timestamp, value) pairs are kept per metric.
      logger: of failures and summaries.
      auto_start: whether sampling begins at once.
      external_timer: a Stopwatch whose global timer says for how long money has been spent; None: since now.
      accelerators: how accelerators are read; None: by NVML, else by JAX, which starts its backend here (call
        `jax.distributed.initialize` before).
    """

    def __init__(
        self,
        sampling_interval_sec: float = 1.0,
        history_size: int = 100,
        logger: logging.Logger | None = None,
        auto_start: bool = True,
        external_timer: Stopwatch | None = None,
        *,
        accelerators: Callable[[], Sequence[Accelerator]] | None = None,
    ) -> None:
        if not (sampling_interval_sec > 0 and math.isfinite(sampling_interval_sec)):
            raise ValueError(f"sampling_interval_sec: {sampling_interval_sec} is not a positive number of seconds")
        if history_size < 1:
            raise ValueError(f"history_size: {history_size} is not at least 1")
        self._interval = sampling_interval_sec
        self._logger = logger or logging.getLogger(__name__)
        self._sources = [*_sources(), *self._accelerators(accelerators), *self._cost(external_timer)]
        self._history: dict[str, deque[tuple[float, float | None]]] = {
            name: deque(maxlen=history_size) for part in self._sources for name in part.names
        }
        self._failing: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if auto_start:
            self.start()

    def start(self) -> None:
        """Take a sample and continue in the background; warn if it is running."""
        if self.is_running():
            self._logger.warning("Monitor already running")
            return
        time.sleep(_FIRST_INTERVAL_S)
        self._sample()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="SystemMonitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was sampled can still be read. Does nothing if it is not running."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def is_running(self) -> bool:
        """Whether the thread samples."""
        return self._thread is not None and self._thread.is_alive()

    def get_available_metrics(self) -> list[str]:
        """The names of all metrics."""
        return list(self._history)

    @overload
    def get_latest(self, metric: str) -> float | None: ...

    @overload
    def get_latest(self, metric: None = None) -> dict[str, float | None]: ...

    def get_latest(self, metric: str | None = None) -> float | dict[str, float | None] | None:
        """The newest value of a metric, None if this machine has none; without a name {metric: newest value}."""
        if metric is not None:
            history = self.get_history(metric)
            return history[-1][1] if history else None
        return {name: self.get_latest(name) for name in self._history}

    def get_history(self, metric: str) -> list[tuple[float, float | None]]:
        """(Unix time, value) pairs, the oldest first; [] for a metric that this machine does not have."""
        with self._lock:
            return list(self._history.get(metric, ()))

    def get_summary(self) -> dict[str, Any]:
        """{"timestamp", "metrics": {name: {latest, average, min, max, sample_count}}}, and {name: latest} next to them.

        Averages, extremes and counts are over the samples that could be read; None without any.
        """
        metrics = {name: _summarize(self.get_history(name)) for name in self._history}
        latest = {name: summary["latest"] for name, summary in metrics.items()}
        return {"timestamp": time.time(), "metrics": metrics, **latest}

    def log_summary(self, level: int = logging.INFO) -> None:
        """One line per metric."""
        for name, summary in self.get_summary()["metrics"].items():
            if summary["sample_count"]:
                self._logger.log(
                    level,
                    "%s: latest %s, average %.2f, min %.2f, max %.2f (%d samples)",
                    name,
                    "unknown" if summary["latest"] is None else f"{summary['latest']:.2f}",
                    summary["average"],
                    summary["min"],
                    summary["max"],
                    summary["sample_count"],
                )

    def stats(self) -> dict[str, float]:
        """{"monitor/<metric>": newest value} of all that is known."""
        return {f"monitor/{name}": value for name, value in self.get_latest().items() if value is not None}

    @contextlib.contextmanager
    def monitor_context(self, tag: str) -> Generator[None]:
        """Log how long a block took and a summary after it."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._logger.info("%s: %.2f sec", tag, time.perf_counter() - start)
            self.log_summary()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        now = time.time()
        values = {}
        for part in self._sources:
            values |= self._read(part)
        with self._lock:
            for name, history in self._history.items():
                history.append((now, values.get(name)))

    def _read(self, part: Source) -> Values:
        try:
            values = part.read()
        except Exception as error:  # whatever a sensor does, the run continues
            if part.names[0] not in self._failing:
                self._logger.warning("Cannot read %s: %r", ", ".join(part.names), error)
                self._failing.add(part.names[0])
            return {}
        self._failing.discard(part.names[0])
        return values

    def _accelerators(self, given: Callable[[], Sequence[Accelerator]] | None) -> list[Source]:
        try:
            read = given or readings.find_accelerators()
            # Which ones there are is asked once: metrics do not come and go.
            names = tuple(readings.accelerator_values(read())) if read is not None else ()
        except Exception as error:  # as for every other metric
            self._logger.warning("Cannot read accelerators: %r", error)
            return []
        return [] if read is None else [Source(names, lambda: readings.accelerator_values(read()))]

    def _cost(self, timer: Stopwatch | None) -> list[Source]:
        text = os.environ.get(_HOURLY_COST)
        if not text:
            return []
        try:
            hourly = float(text)
        except ValueError:
            self._logger.warning("%s: %r is not a number; costs are not recorded", _HOURLY_COST, text)
            return []
        return [readings.cost_source(hourly, None if timer is None else timer.get_elapsed)]


def _sources() -> list[Source]:
    sources = [
        Source(("cpu_percent",), CpuLoad().read),
        Source(("cpu_count", "cpu_count_logical", "cpu_count_physical"), readings.read_cpu_counts),
        Source(("memory_percent", "memory_available_mb", "memory_used_mb", "memory_total_mb"), readings.read_memory),
        *readings.process_readings(),
    ]
    with contextlib.suppress(Exception):  # sensors that raise are sensors that do not report
        if readings.read_temperature() is not None:
            sources.append(readings.source(cpu_temperature=readings.read_temperature))
    return sources


def _summarize(history: list[tuple[float, float | None]]) -> dict[str, Any]:
    known = [value for _, value in history if value is not None]
    return {
        "latest": history[-1][1] if history else None,
        "average": sum(known) / len(known) if known else None,
        "min": min(known, default=None),
        "max": max(known, default=None),
        "sample_count": len(known),
    }
