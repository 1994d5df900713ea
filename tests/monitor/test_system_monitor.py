"""SystemMonitor: a thread that really samples, and sensors that fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from metta_jax.monitor import Accelerator, Stopwatch, SystemMonitor
from metta_jax.monitor import system_readings as readings

ALWAYS = {
    "cpu_percent",
    "cpu_count",
    "cpu_count_logical",
    "cpu_count_physical",
    "memory_percent",
    "memory_available_mb",
    "memory_used_mb",
    "memory_total_mb",
    "process_memory_mb",
    "process_cpu_percent",
    "process_threads",
}
_MB = 1024 * 1024


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METTA_HOURLY_COST", raising=False)
    monkeypatch.setattr(psutil, "sensors_temperatures", dict, raising=False)
    monkeypatch.setattr(readings, "find_accelerators", lambda: None)


@pytest.fixture
def make() -> Iterator[Callable[..., SystemMonitor]]:
    made: list[SystemMonitor] = []

    def build(**options: Any) -> SystemMonitor:
        made.append(SystemMonitor(**{"sampling_interval_sec": 0.01, **options}))
        return made[-1]

    yield build
    for monitor in made:
        monitor.stop()


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_samples_until_it_is_stopped(make: Callable[..., SystemMonitor]) -> None:
    monitor = make()
    assert monitor.is_running()
    assert "SystemMonitor" in {thread.name for thread in threading.enumerate() if thread.daemon}
    assert set(monitor.get_available_metrics()) == ALWAYS
    _wait(lambda: len(monitor.get_history("memory_percent")) >= 5)
    monitor.stop()
    assert not monitor.is_running()
    history = monitor.get_history("memory_percent")
    times = [seconds for seconds, _ in history]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 20
    time.sleep(0.05)
    assert monitor.get_history("memory_percent") == history


def test_values_are_there_at_once_and_make_sense(make: Callable[..., SystemMonitor]) -> None:
    latest = make(sampling_interval_sec=1000.0).get_latest()
    assert set(latest) == ALWAYS
    assert 0 <= latest["cpu_percent"] <= 100
    assert latest["cpu_count"] == latest["cpu_count_logical"] == psutil.cpu_count()
    assert latest["memory_total_mb"] == psutil.virtual_memory().total / _MB
    assert 0 < latest["memory_available_mb"] <= latest["memory_total_mb"]
    assert latest["process_memory_mb"] == pytest.approx(psutil.Process().memory_info().rss / _MB, rel=0.5)
    assert latest["process_threads"] >= 1


def test_history_is_bounded(make: Callable[..., SystemMonitor]) -> None:
    monitor = make(history_size=3)
    first = monitor.get_history("cpu_count")[0]
    _wait(lambda: monitor.get_history("cpu_count")[0] != first)
    assert len(monitor.get_history("cpu_count")) == 3


def test_starting_twice_warns(make: Callable[..., SystemMonitor], caplog: pytest.LogCaptureFixture) -> None:
    monitor = make(auto_start=False)
    assert not monitor.is_running()
    assert monitor.get_latest("cpu_percent") is None
    monitor.start()
    monitor.start()
    assert caplog.messages == ["Monitor already running"]
    monitor.stop()
    monitor.stop()
    monitor.start()
    assert monitor.is_running()


def test_the_summary_can_be_read_nested_and_flat(make: Callable[..., SystemMonitor]) -> None:
    monitor = make(auto_start=False)
    values = iter([3.0, None, 5.0])
    monitor._sources = [readings.Source(("cpu_percent",), lambda: {"cpu_percent": next(values)})]
    for _ in range(3):
        monitor._sample()
    summary = monitor.get_summary()
    expected = {"latest": 5.0, "average": 4.0, "min": 3.0, "max": 5.0, "sample_count": 2}
    assert summary["metrics"]["cpu_percent"] == expected
    assert summary["cpu_percent"] == 5.0
    assert summary["process_threads"] is None
    assert abs(summary["timestamp"] - time.time()) < 20
    assert monitor.stats() == {"monitor/cpu_percent": 5.0}


def test_a_failing_sensor_is_none_and_is_logged_once(
    make: Callable[..., SystemMonitor], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise OSError("no such sensor")

    works = psutil.virtual_memory
    monkeypatch.setattr(psutil, "virtual_memory", fail)
    monitor = make()
    _wait(lambda: len(monitor.get_history("memory_percent")) >= 3)
    assert monitor.is_running()
    assert monitor.get_latest("memory_percent") is None
    assert monitor.get_latest("process_threads") is not None
    assert "monitor/memory_percent" not in monitor.stats()
    warnings = [message for message in caplog.messages if message.startswith("Cannot read")]
    names = "memory_percent, memory_available_mb, memory_used_mb, memory_total_mb"
    assert warnings == [f"Cannot read {names}: OSError('no such sensor')"]
    monitor.log_summary()
    monkeypatch.setattr(psutil, "virtual_memory", works)
    _wait(lambda: monitor.get_latest("memory_percent") is not None)


@pytest.mark.parametrize(
    ("sensors", "expected"),
    [
        ({}, None),
        ({"acpi": [45.0], "k10temp": [50.0]}, 50.0),
        ({"zenpower": [51.0], "coretemp": [0.0, 52.0]}, 52.0),
        ({"cpu_thermal": [19.9], "nvme": [40.0]}, 40.0),
        ({"coretemp": [120.1], "nvme": [None]}, None),
    ],
)
def test_temperature(
    make: Callable[..., SystemMonitor],
    monkeypatch: pytest.MonkeyPatch,
    sensors: dict[str, list[float | None]],
    expected: float | None,
) -> None:
    report = {name: [SimpleNamespace(current=value) for value in values] for name, values in sensors.items()}
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: report, raising=False)
    monitor = make()
    assert ("cpu_temperature" in monitor.get_available_metrics()) == (expected is not None)
    assert monitor.get_latest("cpu_temperature") == expected


def test_a_machine_without_temperature_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_temperatures")
    assert readings.read_temperature() is None


def test_accelerators(make: Callable[..., SystemMonitor]) -> None:
    cards = [Accelerator(40.0, 10.0, 1000.0), Accelerator(None, 30.0, 3000.0)]
    latest = make(accelerators=lambda: cards).get_latest()
    assert {name: value for name, value in latest.items() if name.startswith("gpu")} == {
        "gpu_count": 2,
        "gpu_utilization_avg": 40.0,
        "gpu_memory_percent_avg": 20.0,
        "gpu_memory_used_mb_total": 4000.0,
        "gpu0_utilization": 40.0,
        "gpu0_memory_percent": 10.0,
        "gpu0_memory_used_mb": 1000.0,
        "gpu1_utilization": None,
        "gpu1_memory_percent": 30.0,
        "gpu1_memory_used_mb": 3000.0,
    }


def test_accelerators_that_cannot_be_read(make: Callable[..., SystemMonitor], caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Any:
        raise RuntimeError("driver is gone")

    assert set(make(accelerators=fail).get_available_metrics()) == ALWAYS
    assert caplog.messages == ["Cannot read accelerators: RuntimeError('driver is gone')"]


def test_accelerators_are_read_from_jax_where_nvml_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(readings, "find", lambda module: None)
    assert readings.find_accelerators() is None, "a CPU is none"
    device = SimpleNamespace(platform="tpu", memory_stats=lambda: {"bytes_in_use": _MB, "bytes_limit": 4 * _MB})
    silent = SimpleNamespace(platform="tpu", memory_stats=lambda: None)
    monkeypatch.setattr(readings.jax, "local_devices", lambda: [device, silent])
    read = readings.find_accelerators()
    assert read is not None
    assert list(read()) == [Accelerator(None, 25.0, 1.0), Accelerator(None, None, None)]


def test_accelerators_are_read_by_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=2 * _MB, total=8 * _MB),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=37),
    )
    monkeypatch.setattr(readings, "find", {"pynvml": nvml}.get)
    read = readings.find_accelerators()
    assert read is not None
    assert list(read()) == [Accelerator(37.0, 25.0, 2.0)]


def test_cost(
    make: Callable[..., SystemMonitor], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("METTA_HOURLY_COST", "3.6")
    now = 0.0
    timer = Stopwatch(clock=lambda: now)
    timer.start()
    now = 1000.0
    latest = make(external_timer=timer).get_latest()
    assert latest["cost/hourly_total"] == 3.6
    assert latest["cost/accrued_total"] == pytest.approx(1.0)
    assert 0 < make().get_latest("cost/accrued_total") < 1
    monkeypatch.setenv("METTA_HOURLY_COST", "cheap")
    assert "cost/hourly_total" not in make().get_available_metrics()
    assert caplog.messages == ["METTA_HOURLY_COST: 'cheap' is not a number; costs are not recorded"]


def test_context_logs_time_and_summary(make: Callable[..., SystemMonitor], caplog: pytest.LogCaptureFixture) -> None:
    monitor = make()
    with caplog.at_level(logging.INFO), pytest.raises(KeyError), monitor.monitor_context("work"):
        raise KeyError
    assert caplog.messages[0].startswith("work: 0.0")
    assert any(message.startswith("memory_percent: latest ") for message in caplog.messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling_interval_sec": 0}, "sampling_interval_sec: 0 is not a positive number"),
        ({"sampling_interval_sec": float("nan")}, "sampling_interval_sec: nan"),
        ({"history_size": 0}, "history_size: 0 is not at least 1"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SystemMonitor(**options)


def test_cpu_load_is_the_busy_share(monkeypatch: pytest.MonkeyPatch) -> None:
    Times = type(psutil.cpu_times())
    zero = Times(*[0.0] * len(Times._fields))
    now = zero
    monkeypatch.setattr(psutil, "cpu_times", lambda: now)
    load = readings.CpuLoad()
    assert load.read() == {"cpu_percent": None}
    guest = {"guest": 2.0} if "guest" in Times._fields else {}  # part of `user` already
    now = zero._replace(user=3.0, system=1.0, idle=12.0, **guest)
    assert load.read() == {"cpu_percent": 25.0}
    assert load.read() == {"cpu_percent": 25.0}, "no tick of the clock since then"
