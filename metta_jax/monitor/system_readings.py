"""What can be read about the machine, the process and its accelerators. Plain functions; they may raise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import psutil

from metta_jax.monitor.optional import find

_MB = 1024 * 1024
_TEMPERATURE_SENSORS = ("coretemp", "cpu_thermal", "cpu-thermal", "k10temp", "zenpower")
_TEMPERATURE_RANGE = (20.0, 120.0)  # °C; sensors that report anything else are not connected

Values = dict[str, float | None]


@dataclass(frozen=True)
class Source:
    """Metrics that are read together."""

    names: tuple[str, ...]
    read: Callable[[], Values]


@dataclass(frozen=True)
class Accelerator:
    """One reading of a GPU or TPU; None is what it does not report."""

    utilization: float | None  # percent
    memory_percent: float | None
    memory_used_mb: float | None


class CpuLoad:
    """Percent of all cores' time since the last reading; unlike psutil's the same from whichever thread it is read."""

    def __init__(self) -> None:
        self._last = psutil.cpu_times()
        self._value: float | None = None

    def read(self) -> Values:
        """None until the system's clock has ticked once."""
        now = psutil.cpu_times()
        spent = {name: max(getattr(now, name) - getattr(self._last, name), 0.0) for name in now._fields}
        # A guest's time is in user and nice too.
        total = sum(seconds for name, seconds in spent.items() if name not in ("guest", "guest_nice"))
        if total > 0:
            idle = spent["idle"] + spent.get("iowait", 0.0)
            self._last, self._value = now, 100.0 * (total - idle) / total
        return {"cpu_percent": self._value}


def read_cpu_counts() -> Values:
    """Logical and physical cores; the physical ones are not known everywhere."""
    logical = psutil.cpu_count(logical=True)
    return {
        "cpu_count": logical,
        "cpu_count_logical": logical,
        "cpu_count_physical": psutil.cpu_count(logical=False),
    }


def read_memory() -> Values:
    """Of the machine."""
    memory = psutil.virtual_memory()
    return {
        "memory_percent": memory.percent,
        "memory_available_mb": memory.available / _MB,
        "memory_used_mb": memory.used / _MB,
        "memory_total_mb": memory.total / _MB,
    }


def process_readings() -> list[Source]:
    """Resident memory, CPU (100: one core) and threads of this process."""
    process = psutil.Process()
    process.cpu_percent()  # the first call only sets the beginning
    return [
        source(process_memory_mb=lambda: process.memory_info().rss / _MB),
        source(process_cpu_percent=lambda: process.cpu_percent()),
        source(process_threads=lambda: process.num_threads()),
    ]


def source(**metric: Callable[[], float | None]) -> Source:
    """A source of one metric."""
    ((name, read),) = metric.items()
    return Source((name,), lambda: {name: read()})


def read_temperature() -> float | None:
    """°C of the CPU by the first sensor that makes sense; None without one."""
    if not hasattr(psutil, "sensors_temperatures"):
        return None
    sensors: dict[str, list[Any]] = psutil.sensors_temperatures()
    for name in dict.fromkeys((*_TEMPERATURE_SENSORS, *sensors)):
        for entry in sensors.get(name, ()):
            if entry.current is not None and _TEMPERATURE_RANGE[0] <= entry.current <= _TEMPERATURE_RANGE[1]:
                return float(entry.current)
    return None


def find_accelerators() -> Callable[[], Sequence[Accelerator]] | None:
    """How the accelerators of this machine are read: by NVML, else by JAX; None if there are none."""
    return _nvml() or _jax_devices()


def accelerator_values(readings: Sequence[Accelerator]) -> Values:
    """Metrics of one reading: of each accelerator, their averages, and the memory of all."""
    values: Values = {"gpu_count": len(readings)}
    for name, unit, total in (
        ("utilization", "utilization_avg", False),
        ("memory_percent", "memory_percent_avg", False),
        ("memory_used_mb", "memory_used_mb_total", True),
    ):
        each = [getattr(reading, name) for reading in readings]
        values |= {f"gpu{i}_{name}": value for i, value in enumerate(each)}
        known = [value for value in each if value is not None]
        values[f"gpu_{unit}"] = None if not known else sum(known) if total else sum(known) / len(known)
    return values


def cost_source(hourly: float, elapsed_s: Callable[[], float] | None = None) -> Source:
    """Money: `hourly` an hour, and what that has come to after `elapsed_s()`, or since now."""
    start = time.monotonic()
    elapsed = elapsed_s or (lambda: time.monotonic() - start)
    return Source(
        ("cost/hourly_total", "cost/accrued_total"),
        lambda: {"cost/hourly_total": hourly, "cost/accrued_total": hourly * elapsed() / 3600.0},
    )


def _nvml() -> Callable[[], Sequence[Accelerator]] | None:
    pynvml: Any = find("pynvml")
    if pynvml is None:
        return None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:  # the library without a driver
        return None
    if not handles:
        return None

    def read() -> list[Accelerator]:
        readings = []
        for handle in handles:
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            readings.append(
                Accelerator(
                    utilization=float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
                    memory_percent=100.0 * memory.used / memory.total,
                    memory_used_mb=memory.used / _MB,
                )
            )
        return readings

    return read


def _jax_devices() -> Callable[[], Sequence[Accelerator]] | None:
    devices = [device for device in jax.local_devices() if device.platform != "cpu"]
    return (lambda: [_of_device(device) for device in devices]) if devices else None


def _of_device(device: Any) -> Accelerator:
    report = device.memory_stats() or {}
    used, limit = report.get("bytes_in_use"), report.get("bytes_limit")
    return Accelerator(
        utilization=None,
        memory_percent=100.0 * used / limit if used is not None and limit else None,
        memory_used_mb=None if used is None else used / _MB,
    )
