"""The progress line."""

from __future__ import annotations

import io
import itertools
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from metta_jax.monitor import ActivityLine, ProgressLine, format_count, format_time


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _run(*, is_terminal: bool, start_step: int = 0) -> str:
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=is_terminal, width=160, color_system=None)
    with ProgressLine(1000, start_step=start_step, console=console, log_interval_s=5.0, clock=clock) as progress:
        for step in range(start_step + 100, 1001, 100):
            clock.now += 2.0
            progress.update(step, {"loss": -0.5, "reward": step / 1000})
    return stream.getvalue()


def test_a_log_gets_a_line_now_and_then_and_the_last_one() -> None:
    lines = _run(is_terminal=False).splitlines()
    # Steps 100, 400, 700, 1000 come 6 seconds apart.
    assert [line.split("  ")[1] for line in lines] == [
        "100/1.0k steps",
        "400/1.0k steps",
        "700/1.0k steps",
        "1.0k/1.0k steps",
    ]
    assert lines[0].endswith("steps  reward 0.1  time left unknown  50/s  loss -0.5")
    assert lines[1].endswith("steps  reward 0.4  12 sec left  50/s  loss -0.5")
    assert lines[-1].startswith("100% ━━━━━━━━━━  1.0k/")
    assert lines[-1].endswith("reward 1  0 sec left  50/s  loss -0.5")


def test_the_last_line_is_printed_even_when_its_time_has_not_come() -> None:
    lines = _run(is_terminal=False, start_step=800).splitlines()
    assert [line.split("  ")[1] for line in lines] == ["900/1.0k steps", "1.0k/1.0k steps"]


def test_a_terminal_is_redrawn_in_place() -> None:
    text = _run(is_terminal=True)
    shown = [f"{step}/1.0k steps" for step in range(100, 1000, 100)]
    assert all(part in text for part in shown)
    assert text.count("\r\x1b[2K") >= len(shown), "carriage return and erase before each new line"
    assert text.count("\n") == 1, "the last one stays"


def test_time_left_does_not_count_compilation_and_earlier_runs() -> None:
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, width=160, color_system=None)
    with ProgressLine(1000, start_step=500, console=console, log_interval_s=0.0, clock=clock) as progress:
        for now, step in ((60.0, 600), (61.0, 700), (62.0, 800)):
            clock.now = now
            progress.update(step, {})
    assert [_left(line) for line in stream.getvalue().splitlines() if "compiling" not in line] == [
        "time left unknown",
        "3 sec left",
        "2 sec left",
    ]


def _left(line: str) -> str:
    return next(part for part in line.split("  ") if "left" in part)


@given(total=st.integers(1, 10**12), start=st.integers(0, 10**12), steps=st.lists(st.integers(1, 10**12), max_size=5))
@example(total=100, start=0, steps=[64, 64])  # the last update goes beyond the total
@example(total=100, start=128, steps=[64])  # after a resume with a smaller total
@example(total=1000, start=0, steps=[997])
def test_never_more_than_all_and_never_less_than_no_time_left(total: int, start: int, steps: list[int]) -> None:
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, width=160, color_system=None)
    with ProgressLine(total, start_step=start, console=console, log_interval_s=0.0, clock=clock) as progress:
        for step in itertools.accumulate(steps, initial=start):
            clock.now += 1.0
            progress.update(step, {})
            line = stream.getvalue().splitlines()[-1]
            percent, bar = line.strip().split("  ")[0].split("% ")
            left = _left(line)
            assert 0 <= int(percent) <= 100
            assert len(bar) == 10
            assert "-" not in left
            assert left == "0 sec left" or step < total
            assert (int(percent) == 100) == ("╌" not in bar) == (step >= total)


@pytest.mark.parametrize(("now", "steps"), [(5.0, 12_345_678), (3e6, 995_000_000)])
def test_eighty_columns_show_what_people_look_for(now: float, steps: int) -> None:
    """Reward, time left and rate; the losses may fall off the edge."""
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, color_system=None)
    with ProgressLine(1_000_000_000, console=console, clock=clock) as progress:
        for step in (steps // 2, steps):
            clock.now += now
            progress.update(step, {"policy": -0.000246, "value": 0.00658, "reward": 0.0123})
    last = stream.getvalue().rpartition("\x1b[2K")[2].splitlines()[0]
    assert len(last) <= 80
    assert "reward 0.0123  " in last
    assert " left  " in last
    assert "/s" in last


def test_it_says_that_it_compiles_and_for_how_long() -> None:
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, width=80, color_system=None)
    with ProgressLine(1000, console=console, log_interval_s=10.0, clock=clock) as progress:
        for clock.now in (1.0, 9.0, 12.0, 13.0, 23.0):
            progress._line.show()  # what the thread does every second
        progress.update(100, {"reward": 1.0})
        progress.set_activity("evaluating simple, 1 of 2")
        clock.now = 43.0
        progress._line.show()
        progress.set_activity(None)
    zero, one = "  0% ╌╌╌╌╌╌╌╌╌╌  0/1.0k steps", " 10% ━╌╌╌╌╌╌╌╌╌  100/1.0k steps  reward 1"
    assert stream.getvalue().splitlines() == [
        f"{zero}  compiling: 12 sec", f"{zero}  compiling: 23 sec", f"{one}  time left unknown  4/s",
        f"{one}  evaluating simple, 1 of 2: 20 sec", f"{one}  time left unknown  4/s",
    ]  # fmt: skip


def test_a_log_gets_no_line_twice() -> None:
    """An update may take longer than `log_interval_s`."""
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, width=80, color_system=None)
    with ProgressLine(1000, console=console, log_interval_s=10.0, clock=clock) as progress:
        clock.now = 1.0
        progress.update(100, {})
        for clock.now in (11.0, 21.0, 31.0):
            progress._line.show()  # what the thread does every second
        progress.update(200, {})
    assert [line.split("  ")[1] for line in stream.getvalue().splitlines()[:2]] == ["100/1.0k steps", "200/1.0k steps"]
    assert len(stream.getvalue().splitlines()) == 2


def test_seconds_are_counted_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metta_jax.monitor.live_line.TICK_S", 0.01)
    clock, stream = _Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, color_system=None)
    with ProgressLine(1000, console=console, clock=clock):
        assert "compiling: 0 sec" in stream.getvalue()
        clock.now = 75.0
        end = time.monotonic() + 20
        while "compiling: 1.2 min" not in stream.getvalue():
            assert time.monotonic() < end
            time.sleep(0.01)
    assert not any(thread.name == "live line" for thread in threading.enumerate())


def test_an_activity_leaves_nothing_behind() -> None:
    for is_terminal, log_interval_s, found in ((False, 10.0, ""), (False, 0.0, "playing: 0 sec\n"), (True, 10.0, None)):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=is_terminal, width=80, color_system=None)
        with ActivityLine(console, log_interval_s=log_interval_s) as line:
            line.set_activity("playing")
        if found is None:
            assert "playing: 0 sec" in stream.getvalue()
            assert stream.getvalue().endswith("\x1b[1A\x1b[2K"), "one line up, and erase it"
        else:
            assert stream.getvalue() == found


def test_no_thread_counts_the_seconds_of_nothing() -> None:
    with ActivityLine(Console(file=io.StringIO())) as line:
        line.set_activity(None)
        assert not any(thread.name == "live line" for thread in threading.enumerate())
        line.set_activity("playing")
        assert any(thread.name == "live line" for thread in threading.enumerate())


def test_total_must_be_positive() -> None:
    with pytest.raises(ValueError, match="total_steps: 0"):
        ProgressLine(0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (950, "950"), (1000, "1.0k"), (12_345, "12.3k"), (4_560_000, "4.56M"), (1.2e9, "1.20B")],
)
def test_format_count(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 sec"), (90, "1.5 min"), (7200, "2.0 hours"), (129_600, "1.5 days")]
)
def test_format_time(seconds: float, text: str) -> None:
    assert format_time(seconds) == text
