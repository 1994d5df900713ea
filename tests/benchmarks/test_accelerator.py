"""The program for a GPU or a TPU, rehearsed on a CPU; and what it does without memory, time, or luck."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import accelerator
from benchmarks.accelerator_cases import EXACT, RUNS, Conformance, Learning, full_waves
from benchmarks.accelerator_report import curve, line
from benchmarks.accelerator_run import REPORT_S, Budget, run_waves


def _rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_rehearsal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accelerator.main(["--rehearse", "--out", str(tmp_path), "--jobs", "2", "--budget-minutes", "20"]) == 0
    first, *rows, end = _rows(tmp_path)
    assert first["what"] == "machine"
    assert first["device"] == "cpu:0 cpu"
    assert {"jax", "driver", "host", "cores", "branchy", "float32_products"} <= first.keys()
    assert end["what"] == "end"
    cases = [row for row in rows if row["what"] != "learning_point"]
    assert {row["status"] for row in cases} == {"ok"}
    assert {row["what"] for row in cases} == {"conformance", "stepping", "training", "learning"}
    assert {row["result"] for row in cases if "result" in row} == {"equal"}
    for row in cases:
        assert row["compile_s"] > 0
        if row["what"] in ("stepping", "training"):
            assert 0 < row["min"] <= row["agent_steps_per_s"] <= row["max"]
            assert row["program_bytes"] > 0
            assert row["peak_bytes"] is None  # a CPU reports none
    points = [row["agent_steps"] for row in rows if row["what"] == "learning_point"]
    assert points == [32, 64, 96]
    assert (tmp_path / "accelerator.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.count(" equal\n") == 1
    assert "training    fast bfloat16 default         2 " in printed
    assert jax.config.jax_default_device is None  # type: ignore[attr-defined]


class FakeCase:
    """A case that does what a test says."""

    what = "stepping"
    patient = False

    def __init__(self, name: str, *, seconds: float = 1.0, **does: Any) -> None:
        self.name, self.seconds, self.does, self.calls = name, seconds, does, []

    @property
    def facts(self) -> dict[str, Any]:
        return {"what": self.what, "case": self.name, "num_envs": 1}

    def guess(self, rates: dict[Any, float]) -> float:
        return rates.get(self.name, self.seconds)

    def _do(self, name: str) -> Any:
        self.calls.append(name)
        return self.does.get(name, lambda: None)()

    def make(self) -> None:
        self._do("make")

    def compile(self, made: Any) -> Any:
        return self._do("compile")

    def sizes(self, program: Any) -> dict[str, Any]:
        return {"program_bytes": 5_000_000_000}

    def measure(self, made: Any, program: Any, time_left: Any, emit: Any) -> dict[str, Any]:
        return self._do("measure") or {"agent_steps_per_s": 1000.0}


def _exhausted() -> Any:
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes.\nA heap.")


def _really_exhausted() -> Any:
    return jnp.zeros((1 << 46,), jnp.uint8).block_until_ready()


def _broken() -> Any:
    raise ZeroDivisionError("by zero")


def _run(waves: list[list[Any]], budget: Budget | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    run_waves(waves, budget or Budget(10), rows.append, jobs=2, compile_s=0.0)
    return rows


def test_a_case_without_memory_is_a_row_and_the_next_one_follows(tmp_path: Path) -> None:
    waves = [
        [
            FakeCase("made", make=_exhausted),
            FakeCase("compiled", compile=_exhausted),
            FakeCase("measured", measure=_exhausted),
            FakeCase("really", measure=_really_exhausted),
            FakeCase("good"),
        ],
        [FakeCase("broken", measure=_broken), FakeCase("later")],
    ]
    rows = _run(waves)
    status = {row["case"]: row["status"] for row in rows}
    assert status == {
        **dict.fromkeys(("made", "compiled", "measured", "really"), "out of memory"),
        **dict.fromkeys(("good", "later"), "ok"),
        "broken": "failed",
    }
    details = {row["case"]: row["detail"] for row in rows if "detail" in row}
    assert details["measured"] == "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes."
    assert details["broken"] == "ZeroDivisionError: by zero"
    lines = {row["case"]: line(row) or "" for row in rows}
    assert " 5.00           out of memory: RESOURCE_EXHAUSTED" in lines["measured"]
    assert all(lines.values())
    # The program ends as one that has measured; but a failure is told by its exit code.
    out = ["--out", str(tmp_path)]
    assert accelerator.main(out, [[FakeCase("measured", measure=_exhausted)]]) == 0
    assert accelerator.main(out, waves) == 1


def test_what_no_longer_fits_is_skipped() -> None:
    now = 0.0

    def take(seconds: float) -> Any:
        nonlocal now
        now += seconds
        return {"agent_steps_per_s": 1.0}

    def case(name: str, takes: float, guess: float) -> FakeCase:
        return FakeCase(name, seconds=guess, measure=lambda: take(takes))

    budget = Budget(1, clock=lambda: now)
    late = case("late", 1, 1)
    waves = [[case("short", 10, 10), case("long", 100, 100), case("slower", 35, 20)], [late, case("later", 5, 8)]]
    rows = _run(waves, budget)
    status = {row["case"]: row["status"] for row in rows}
    assert status == {
        "short": "ok",
        "long": "skipped: no time",
        "slower": "ok",
        "late": "ok",
        "later": "skipped: no time",
    }
    assert budget.spent() == 46.0
    assert budget.left() == 60 - REPORT_S - 46
    assert next(one for one in waves[0] if one.name == "long").calls == []


def test_a_guess_is_corrected_by_what_was_measured() -> None:
    """ "again" would have been tried, had the first one not shown how slow this device is."""
    now = 0.0

    def take() -> Any:
        nonlocal now
        now += 1
        return {"agent_steps_per_s": 1e6}

    rows = _run([[FakeCase("again", measure=take)], [FakeCase("again", measure=take)]], Budget(5, clock=lambda: now))
    assert [row["status"] for row in rows] == ["ok", "skipped: no time"]


def test_a_run_does_not_wait_for_a_compiler() -> None:
    """The time that a compiler takes cannot be known; what it has not done when time is up is left out."""
    release = threading.Event()
    rows = _run(
        [[FakeCase("slow", seconds=0.1, compile=release.wait), FakeCase("quick")]], Budget((REPORT_S + 2.5) / 60)
    )
    release.set()
    assert {row["case"]: row["status"] for row in rows} == {
        "slow": "skipped: not compiled in time",
        "quick": "skipped: no time",
    }


def test_a_patient_case_is_measured_while_the_next_wave_is_compiled() -> None:
    compiled = threading.Event()
    order: list[str] = []

    def learn() -> Any:
        order.append("learning" if compiled.wait(timeout=20) else "nothing was compiled meanwhile")

    patient = FakeCase("patient", measure=learn)
    patient.patient = True
    first = [patient, FakeCase("quick", measure=lambda: order.append("quick"))]
    later = FakeCase("later", compile=compiled.set, measure=lambda: order.append("later"))
    rows = _run([first, [later], [FakeCase("last")]])
    assert order == ["quick", "learning", "later"]
    assert [row["case"] for row in rows] == ["quick", "patient", "later", "last"]
    assert {row["status"] for row in rows} == {"ok"}


def test_every_case_has_one_row() -> None:
    patient = FakeCase("patient")
    patient.patient = True
    rows = _run([[patient], [FakeCase("long", seconds=1e6)], [FakeCase("last")]])
    assert [(row["case"], row["status"]) for row in rows] == [
        ("long", "skipped: no time"), ("patient", "ok"), ("last", "ok"),
    ]  # fmt: skip


def test_learning_ends_with_its_share_of_the_time() -> None:
    left = 100.0

    def tick() -> float:
        nonlocal left
        left -= 15
        return left

    case, points = Learning("fast", "float32", 2, learn_steps=10**9), []

    plan = SimpleNamespace(agents_per_env=4, env=SimpleNamespace(params=None))
    made: Any = SimpleNamespace(plan=plan, hyperparameters=None)
    step = lambda numbers, params, state: (state, {"episode/count": 2, "episode/return_sum": 3.0})  # noqa: E731
    done = case.measure(made, (lambda *_: SimpleNamespace(agent_step=7), step), tick, points.append)
    assert done["status"] == "stopped: no time"
    assert 1 <= len(points) <= 4
    assert points[0]["episodes"] == 8
    assert curve(points)[-1]["reward"] == pytest.approx(1.5)


def test_a_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Conformance("single_cell")
    made = case.make()
    recorded = made[0]
    bits = {name: getattr(recorded, name).copy() for name in EXACT}
    bits["reward"] = np.nextafter(bits["reward"], np.float32(9), dtype=np.float32)
    monkeypatch.setattr("benchmarks.accelerator_cases.first_difference", lambda run, played: None)
    played = type("Played", (), bits)
    assert case.measure(made, played, lambda: 1.0, print)["result"] == "equal but for the last bits of reward"
    monkeypatch.setattr("benchmarks.accelerator_cases.first_difference", lambda run, played: "step 3, reward")
    assert case.measure(made, played, lambda: 1.0, print)["result"] == "step 3, reward"


def test_the_cases() -> None:
    cases = [case for wave in full_waves() for case in wave]
    facts = [tuple(sorted(map(str, case.facts.items()))) for case in cases]
    assert len(set(facts)) == len(facts)
    assert sum(isinstance(case, Conformance) for case in cases) == 6
    assert all((RUNS / f"{case.run}.npz").exists() for case in cases if isinstance(case, Conformance))
    for case in ("arena24", "small4"):
        sizes = sorted(one.num_envs for one in cases if getattr(one, "case", None) == case)
        assert sizes == [1024, 4096, 16_384, 65_536]
    for agent in ("fast", "default"):
        for dtype in ("float32", "bfloat16"):
            sizes = [c.num_envs for c in cases if c.what == "training" and (c.agent, c.dtype) == (agent, dtype)]
            assert sorted(sizes) == [256, 1024, 4096]
    (learning,) = (case for case in cases if case.what == "learning")
    assert learning.learn_steps == 20_000_000
