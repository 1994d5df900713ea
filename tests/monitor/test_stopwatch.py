"""The stopwatch, with a clock that moves when the test says so."""

from __future__ import annotations

import json
import logging

import pytest

from metta_jax.monitor import Stopwatch, with_instance_timer, with_timer


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def watch(clock: _Clock) -> Stopwatch:
    return Stopwatch(clock=clock)


def test_start_stop_and_elapsed(watch: Stopwatch, clock: _Clock) -> None:
    watch.start("a")
    clock.now += 2
    assert watch.get_elapsed("a") == 2
    assert watch.get_last_elapsed("a") == 2
    assert watch.stop("a") == 2
    clock.now += 5
    with watch.time("a"):
        clock.now += 1
    assert (watch.get_elapsed("a"), watch.get_last_elapsed("a")) == (3, 1)
    assert watch.get_all_elapsed() == {"a": 3}
    assert watch.get_all_elapsed(exclude_global=False) == {"global": 0, "a": 3}


def test_warnings(watch: Stopwatch, caplog: pytest.LogCaptureFixture) -> None:
    assert watch.stop("a") == 0.0
    watch.start("a")
    watch.start("a")
    assert [record.getMessage() for record in caplog.records] == ["Timer 'a' not running", "Timer 'a' already running"]


def test_time_logs(watch: Stopwatch, clock: _Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), watch.stopwatch("a", log_level=logging.INFO):
        clock.now += 1.2344
    assert caplog.messages == ["a took 1.234s"]


def test_a_block_that_raises_is_stopped(watch: Stopwatch, clock: _Clock) -> None:
    with pytest.raises(KeyError), watch.time("a"):
        clock.now += 1
        raise KeyError
    assert watch.get_summary("a")["is_running"] is False


def test_marks_and_laps(watch: Stopwatch, clock: _Clock) -> None:
    watch.start()
    for seconds, steps in ((1, 10), (2, 30), (4, 60)):
        clock.now += seconds
        assert watch.lap(steps) == seconds
    assert [watch.get_lap_time(index) for index in (-1, -2, -3, -4, 0)] == [4, 2, 1, None, None]
    assert [watch.get_lap_steps(index) for index in (-1, -2, -3, -4)] == [30, 20, 10, None]
    clock.now += 3
    assert watch.get_lap_rate(90) == 10
    assert watch.get_lap_rate() == 7.5
    assert watch.get_rate(100) == 10


def test_only_the_newest_laps_are_kept(clock: _Clock) -> None:
    watch = Stopwatch(max_laps=2, clock=clock)
    watch.start()
    for seconds in (1, 2, 3, 4):
        clock.now += seconds
        watch.checkpoint()
    assert [watch.get_lap_time(index) for index in (-1, -2, -3)] == [4, 3, None]
    assert watch.get_lap_steps() == 1


def test_lap_all(watch: Stopwatch, clock: _Clock) -> None:
    watch.start("a")
    watch.start("b")
    clock.now += 2
    watch.stop("b")
    clock.now += 1
    assert watch.lap_all(10) == {"a": 3, "b": 2}
    clock.now += 1
    assert watch.lap_all(20, exclude_global=False) == {"global": 0, "a": 1, "b": 0}


def test_progress(watch: Stopwatch, clock: _Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert watch.estimate_remaining(0, 100) == (float("inf"), "unknown")
    watch.start()
    clock.now += 5
    assert watch.estimate_remaining(50, 100) == (5, "5 sec")
    with caplog.at_level(logging.INFO):
        watch.log_progress(50, 100)
        watch.log_progress(150, 100)  # the last update goes beyond the total
    assert caplog.messages == [
        "Progress: 50/100 [10 steps/sec] (50.00%) - 5 sec remaining",
        "Progress: 150/100 [30 steps/sec] (100.00%) - 0 sec remaining",
    ]


def test_reset(watch: Stopwatch, clock: _Clock) -> None:
    watch.start("a")
    clock.now += 1
    watch.reset("a")
    assert watch.get_elapsed("a") == 0
    watch.start("a")
    clock.now += 1
    watch.reset_all()
    assert watch.get_all_elapsed() == {"a": 0}


def test_filename(watch: Stopwatch) -> None:
    with watch.time("a"):
        pass
    assert watch.get_filename("a") == "test_stopwatch.py"
    assert watch.get_filename("b") == "unknown"


def test_state_survives_json(watch: Stopwatch, clock: _Clock) -> None:
    watch.start("a")
    clock.now += 3
    watch.checkpoint(7, "here", "a")
    state = json.loads(json.dumps(watch.save_state()))

    later = _Clock()
    later.now = 5000.0
    resumed, stopped = Stopwatch(clock=later), Stopwatch(clock=later)
    resumed.load_state(state)
    stopped.load_state(state, resume_running=False)
    later.now += 2
    assert resumed.get_elapsed("a") == 5
    assert stopped.get_elapsed("a") == 3
    assert resumed.get_summary("a")["checkpoints"][-1] == {"name": "here", "elapsed": 3.0, "steps": 7}


@pytest.mark.parametrize("state", [{}, {"format": 0, "timers": {}}, {"format": 1, "timers": {"a": {}}}])
def test_bad_state(watch: Stopwatch, state) -> None:
    with pytest.raises(ValueError, match="^Invalid state format$"):
        watch.load_state(state)


def test_decorators(watch: Stopwatch, clock: _Clock) -> None:
    @with_timer(watch, "function")
    def work(seconds: float) -> float:
        clock.now += seconds
        return seconds

    class Worker:
        timer = watch

        @with_instance_timer("method")
        def work(self) -> None:
            clock.now += 2

    assert work(3) == 3
    Worker().work()
    assert watch.get_all_elapsed() == {"function": 3, "method": 2}


def test_bad_max_laps() -> None:
    with pytest.raises(ValueError, match="max_laps: 0"):
        Stopwatch(max_laps=0)
