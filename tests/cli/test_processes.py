"""`train --devices` and `--distributed`: what the options mean, and how JAX's pages become one line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from metta_jax.cli import command_line, main, processes
from metta_jax.cli.processes import describe_loss, show_errors
from metta_jax.cli.run_options import given_file, run_from, wanted_devices
from metta_jax.config import TrainerConfig
from metta_jax.parallel import make_cpu_devices, start_processes
from metta_jax.trainer.train import is_divided

UNHEALTHY = """\
E1129 15:23:00.478840    1551 coordination_service_agent.cc:289] Polled an error from coordination service.
F1129 15:23:00.479071    1551 client.h:80] Terminating process because the JAX distributed service detected fatal \
errors. absl::Status: UNAVAILABLE: The following tasks are unhealthy (stopped sending heartbeats):
{tasks}
The tasks have crashed. Check the task logs for an earlier error.

RPC: /xla.coordination.CoordinationService/PollForError
"""
SILENT = """\
F1129 15:24:18.807111    4390 client.h:80] Terminating process because the JAX distributed service detected errors.

RPC: /xla.coordination.CoordinationService/Heartbeat
"""


@pytest.mark.parametrize(
    ("news", "who"),
    [
        (UNHEALTHY.format(tasks="1"), "process 1 of"),
        (UNHEALTHY.format(tasks="2\n3"), "process 2 and 3 of"),
        (SILENT, "process 0 of"),
        ("", "another process of"),
    ],
)
def test_which_process_is_gone(news: str, who: str) -> None:
    line = describe_loss(news)
    assert line.startswith(f"stopped because {who} this run died or hangs; nothing saved is lost")
    assert "\n" not in line


USER = "UserWarning: the disk is nearly full\n"
HARMLESS = "E1129 15:23:00.478840    1551 cuda_executor.cc:289] Failed to query the driver\n"
PAGE = "  and what that means\n"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([(0, USER), (1, HARMLESS), (1, PAGE), (9, USER), (10, USER)], [USER, USER, USER]),
        ([(0, HARMLESS), (0.1, "metta-jax: process 1: no such file\n")], ["metta-jax: process 1: no such file\n"]),
        ([(0, HARMLESS), (1, HARMLESS), (2.5, PAGE), (9, USER)], [USER]),
        ([(0, "I1129 15:23:00.478840    1551 a.cc:1] started\n"), (0, "[Gloo] connected\n"), (0, USER)], [USER]),
        ([(0, line) for line in UNHEALTHY.format(tasks="1").splitlines(keepends=True)] + [(20, PAGE)], []),
    ],
)
def test_errors_of_jax_hide_nothing_else(
    lines: list[tuple[float, str]], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """After the first error of JAX nothing that a process wrote was shown any more."""
    times = iter([time for time, _ in lines])
    kept = show_errors([line for _, line in lines], lambda: next(times))
    assert capsys.readouterr().err == "".join(shown)
    assert len(kept) + sum(map(len, shown)) == sum(len(line) for _, line in lines)


TAKES_PART = """
import argparse, atexit, time
from metta_jax.cli import processes

atexit.register(time.sleep, 600)  # as JAX, which waits for the other processes

def start(*_):
    print("started", flush=True)
    {started}

processes.start_processes = start
options = argparse.Namespace(coordinator=None, num_processes=None, process_id=0)
processes._take_part({parent}, options, lambda: {running})
"""


@pytest.mark.parametrize(
    ("started", "running", "is_interrupted", "code"),
    [
        ("time.sleep(600)", "0", True, -signal.SIGINT),
        ("", "time.sleep(600)", True, -signal.SIGINT),
        ("", "exit(3)", False, 1),
    ],
)
def test_a_process_that_is_interrupted_waits_for_no_other(
    started: str, running: str, is_interrupted: bool, code: int
) -> None:
    program = TAKES_PART.format(started=started or "pass", running=running, parent=os.getpid())
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"started\n"
            if is_interrupted:
                process.send_signal(signal.SIGINT)
            assert process.wait(30) == code
        finally:
            process.kill()


def test_only_the_child_of_a_watcher_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it starts inherited the variable, took its grandparent for its watcher, and ended."""
    monkeypatch.setenv("METTA_JAX_WATCHED_BY", "77")
    monkeypatch.setattr(processes, "_take_part", lambda parent, options, run_fn: parent + run_fn())
    code = processes.run_watched([], argparse.Namespace(), lambda: int("METTA_JAX_WATCHED_BY" in os.environ))
    assert code == 77


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--coordinator 127.0.0.1:1", "--coordinator: has no effect without --distributed"),
        ("--process-id 1", "--process-id: has no effect without --distributed"),
        ("--devices 0", "argument --devices: 0 is not at least 1"),
        ("--devices some", "argument --devices: 'some' is not a whole number"),
    ],
)
def test_options_that_mean_nothing(arguments: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "default", *arguments.split()])
    assert capsys.readouterr().err.startswith(f"metta-jax: {problem}")


def test_all_of_a_process_or_nothing() -> None:
    with pytest.raises(ValueError, match="^coordinator: goes with num_processes and process_id; give all three, or"):
        start_processes("127.0.0.1:1")


def test_how_many_devices_are_wanted(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"trainer": {"devices": 4}}), encoding="utf-8")

    def wanted(**options: object) -> object:
        given = argparse.Namespace(**{"config": None, "set": [], "devices": None, **options})
        return wanted_devices(given, given_file(given))

    assert wanted() is None
    assert wanted(config=file) == 4
    assert wanted(config=file, set=["devices=all"]) == "all"
    assert wanted(config=file, set=["devices=all"], devices=2) == 2


def test_a_configuration_is_read_once() -> None:
    """It may be a pipe: `--config <(program)`."""
    source, sink = os.pipe()
    with os.fdopen(source), os.fdopen(sink, "w") as file:
        json.dump({"trainer": {"devices": 2, "total_timesteps": 77}}, file)
        file.close()
        options = command_line.parse(["train", "forage", "--config", f"/dev/fd/{source}"])[1]
        given = given_file(options)
    assert wanted_devices(options, given) == 2
    assert run_from(options, given).trainer.total_timesteps == 77


def test_a_run_of_several_processes_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device` then says of which kind its devices are: an environment put on one by name could not be divided."""
    assert [is_divided(TrainerConfig(devices=devices)) for devices in (None, 1, 2, "all")] == [False, False, True, True]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert is_divided(TrainerConfig())


def test_devices_are_made_before_jax_starts_only() -> None:
    assert not make_cpu_devices(3)  # conftest.py has said how many
    with pytest.raises(ValueError, match="count: 0 is not at least 1"):
        make_cpu_devices(0)
