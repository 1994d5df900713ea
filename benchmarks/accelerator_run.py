"""How `benchmarks/accelerator.py` gets through its cases: unattended, within its time, whatever becomes of one of them.

A case is any object with `what`, `patient`, `facts`, `guess`, `make`, `compile`, `sizes` and `measure`, see
accelerator_cases.py. Every one gets one row, with a status: "ok", "out of memory", "failed", or "skipped" and "stopped"
with the reason.
"""

import functools
import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from typing import Any

from metta_jax.rl.memory import is_out_of_memory

Row = dict[str, Any]
Emit = Callable[[Row], None]

COMPILE_S = 60.0  # of one `train_step`, before anything was compiled
# How long programs take to compile, side by side.
COMPILE_SHARES = {"conformance": 0.3, "stepping": 0.4, "training": 1.0, "learning": 1.0}
# A measurement adapts to the time that is left: so much of its usual time is enough for one.
LEAST = 0.25
REPORT_S = 10.0  # for the picture, and for what took longer than was thought


class Budget:
    """A time that is not to be exceeded; `started`: when it began by `clock`, None: now."""

    def __init__(
        self, minutes: float, *, started: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._start = clock() if started is None else started
        self._seconds = 60 * minutes

    def spent(self) -> float:
        return self._clock() - self._start

    def left(self) -> float:
        """Seconds for cases: what comes after them needs some too."""
        return self._seconds - REPORT_S - self.spent()


@dataclass
class _Known:
    """What measured cases say of the time that others will take."""

    jobs: int
    first_compile_s: float
    compile_seconds: dict[str, float] = field(default_factory=dict)  # the longest, by what is compiled
    rates: dict[Any, float] = field(default_factory=dict)  # agent-steps a second

    def compiled(self, what: str, seconds: float) -> None:
        self.compile_seconds[what] = max(seconds, self.compile_seconds.get(what, 0.0))

    def compiling(self, kinds: Sequence[str]) -> float:
        """Seconds until programs of these kinds are compiled, `jobs` at a time."""
        one = max((s / COMPILE_SHARES[what] for what, s in self.compile_seconds.items()), default=self.first_compile_s)
        each = [self.compile_seconds.get(what, one * COMPILE_SHARES[what]) for what in kinds]
        return max(max(each), sum(each) / self.jobs)


def run_waves(waves: Sequence[Sequence[Any]], budget: Budget, emit: Emit, *, jobs: int, compile_s: float) -> None:
    """Every wave: its cases are made, compiled side by side, and then measured one after another, each alone.

    While cases are measured that are `patient`, whose rate says little, the next wave is compiled.

    Args:
      emit: gets each row as soon as it is known.
      jobs: programs that are compiled at a time.
      compile_s: what compiling a `train_step` is taken to need, before anything was compiled.
    """
    with_threads = ThreadPoolExecutor(jobs, thread_name_prefix="compile")
    run = _Run(budget, emit, with_threads, _Known(jobs, compile_s))
    try:
        started = run.start(waves[0]) if waves else []
        for index in range(len(waves)):
            following = waves[index + 1] if index + 1 < len(waves) else ()
            compiled = run.wait(started)
            patient = [one for one in compiled if one.case.patient]
            run.measure([one for one in compiled if not one.case.patient])
            del compiled
            started = run.start(following) if patient else None
            run.measure(patient)
            started = run.start(following) if started is None else started
    finally:
        # What is still being compiled cannot be stopped, and nothing waits for it.
        with_threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Compiled:
    """A case with what it made and compiled."""

    case: Any
    made: Any
    program: Any
    seconds: float


@dataclass
class _Run:
    """What all waves share."""

    budget: Budget
    emit: Emit
    pool: ThreadPoolExecutor
    known: _Known

    def start(self, wave: Sequence[Any]) -> list[tuple[Any, Any, Future[Any]]]:
        """The cases that fit into what is left, what they made, and their compilation, which continues."""
        started: list[tuple[Any, Any, Future[Any]]] = []
        measuring = 0.0
        for case in wave:
            guess = case.guess(self.known.rates)
            compiling = self.known.compiling([*(other.what for other, _, _ in started), case.what])
            if compiling + measuring + guess > self.budget.left():
                self.emit({**case.facts, "status": "skipped: no time"})
                continue
            made, problem = _guarded(case.make)
            if problem is not None:
                self.emit({**case.facts, **problem})
                continue
            measuring += guess
            started.append((case, made, self.pool.submit(_compile, case, made)))
        return started

    def wait(self, started: Sequence[tuple[Any, Any, Future[Any]]]) -> list[_Compiled]:
        """The cases whose programs are ready before time is up; the others get their rows."""
        compiled = []
        for case, made, future in started:
            try:
                result, problem = _guarded(functools.partial(future.result, timeout=max(self.budget.left(), 0.0)))
            except NotInTime:
                result, problem = None, {"status": "skipped: not compiled in time"}
            if result is None:
                self.emit({**case.facts, **(problem or {})})
                continue
            program, seconds = result
            self.known.compiled(case.what, seconds)
            compiled.append(_Compiled(case, made, program, seconds))
        return compiled

    def measure(self, compiled: list[_Compiled]) -> None:
        """A row for each case; takes them out of the list, so that each is gone before the next one."""
        while compiled:
            one = compiled.pop(0)
            facts = {**one.case.facts, "compile_s": one.seconds}
            if LEAST * one.case.guess(self.known.rates) > self.budget.left():
                self.emit({**facts, "status": "skipped: no time"})
                continue
            measure = functools.partial(one.case.measure, one.made, one.program, self.budget.left, self.emit)
            row, problem = _guarded(measure)
            if problem is not None:  # then at least what it would have taken
                sizes, _ = _guarded(functools.partial(one.case.sizes, one.program))
                row = {**(sizes or {}), **problem}
            row = {**facts, "status": "ok", **row}
            _learn_rates(row, self.known.rates)
            self.emit(row)
            del one, measure
            gc.collect()  # its arrays, before the next one needs the memory


def _compile(case: Any, made: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    program = case.compile(made)
    return program, time.perf_counter() - start


def _guarded(function: Callable[[], Any]) -> tuple[Any, Row | None]:
    """What a function returns, or what became of it. No case may end the program."""
    try:
        return function(), None
    except NotInTime:
        raise
    except Exception as error:
        detail = (str(error).splitlines() or [""])[0][:300]
        if is_out_of_memory(error):
            return None, {"status": "out of memory", "detail": detail}
        return None, {"status": "failed", "detail": f"{type(error).__name__}: {detail}"}
    # The error, whose frames hold the case's arrays, is gone with its block.


def _learn_rates(row: Row, rates: dict[Any, float]) -> None:
    """Measured rates, by which the time of larger cases is guessed."""
    rate = row.get("agent_steps_per_s")
    if rate is None:
        return
    keys = (row["case"],) if row["what"] == "stepping" else ((row["agent"], row["dtype"]), row["agent"])
    rates.update(dict.fromkeys(keys, rate))
