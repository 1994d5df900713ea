"""Standard output of every kind: commands print what they can, and it never ends a run."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from metta_jax.cli import main
from metta_jax.monitor import read_json_lines
from metta_jax.store import read_trainer_info

ROOT = Path(__file__).resolve().parents[2]
TINY = ("--num-envs", "1", "--set", "bptt_horizon=4", "minibatch_size=16", "simulation.evaluate_interval=0")
HEAD = ("simulation.replay_interval=0", "--total-timesteps", "32")


def _environment(**more: str) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PLATFORMS": "cpu",
        "OPENBLAS_NUM_THREADS": "1",
        **more,
    }


@pytest.fixture
def odd_database(tmp_path: Path) -> Path:
    path = tmp_path / "odd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute('CREATE TABLE "a ""b"" 漢" (x VARCHAR, y DOUBLE, "na\nme" BLOB)')
        connection.execute(
            """INSERT INTO "a ""b"" 漢" VALUES ('two\nlines\x1b[2J\x00 漢', 'nan', 'ab'), (NULL, 1, NULL)"""
        )
    return path


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_stats_shows_any_cell(odd_database: Path, encoding: str) -> None:
    query = (
        """SELECT x, y, "na\nme", ['nan'::DOUBLE, 1], map([1, 2], ['é', 'b']), '1 day'::INTERVAL FROM "a ""b"" 漢" """
    )
    for arguments in ([], [query], [query, "--json"]):
        command = [sys.executable, "-m", "metta_jax", "stats", str(odd_database), *arguments]
        environment = _environment(PYTHONIOENCODING=encoding)
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode(encoding)
        if "--json" not in arguments:
            assert all(char.isprintable() or char == "\n" for char in text)
            assert text.count("\n") == (2 if not arguments else 3)
        else:
            first, second = json.loads(text, parse_constant=pytest.fail)
            assert first["x"] == "two\nlines\x1b[2J\x00 漢"
            assert (first["y"], second["y"]) == (None, 1.0)


def test_only_the_result_of_a_command_must_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`worlds` has nothing but its output: what cannot be written is a mistake."""
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "metta_jax", "worlds", "suites"]
        done = subprocess.run(command, env=_environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "metta-jax: No space left on device\n")
    assert main(["worlds", "suites"]) == 0
    assert capsys.readouterr().out


def _train(directory: Path, output: Any, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "metta_jax", "train", "default", "--run-dir", str(directory), *TINY, *HEAD]
    done = subprocess.run(
        command, env=_environment(**environment), stdout=output, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ascii", "latin-1", "cp1252", "closed", "unread", "full", "dumb", "terminal"])
def test_a_run_ends_well_on_any_output(tmp_path: Path, kind: str) -> None:
    directory, text = tmp_path / "größe $x_{ [1]", ""
    if kind in ("ascii", "latin-1", "cp1252"):
        file = tmp_path / "out"
        with file.open("wb") as output:
            code, errors = _train(directory, output, PYTHONIOENCODING=kind)
        text = file.read_bytes().decode(kind)
        assert text.startswith("default into ")
        assert "#" in text
    elif kind == "closed":
        arguments = ["train", "default", "--run-dir", str(directory), *TINY, *HEAD]
        command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "metta_jax", *arguments]
        done = subprocess.run(command, env=_environment(), stderr=subprocess.PIPE, text=True, check=False)
        code, errors = done.returncode, done.stderr
    elif kind == "unread":
        read, write = os.pipe()
        os.close(read)
        code, errors = _train(directory, write)
        os.close(write)
    elif kind == "full":
        with open("/dev/full", "wb") as output:
            code, errors = _train(directory, output)
    else:
        controller, terminal = pty.openpty()
        code, errors = _train(directory, terminal, TERM="dumb" if kind == "dumb" else "xterm")
        os.close(terminal)
        text = os.read(controller, 2**16).decode()
        os.close(controller)
        assert ("\x1b" in text) == (kind == "terminal")
        assert text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l")
    assert (code, errors) == (0, "")
    if text:
        assert "32/32 steps" in text
        assert "32 agent steps; the newest policy is file://" in text
    assert [record["step"] for record in read_json_lines(directory / "metrics.jsonl")] == [16, 32]
    info = read_trainer_info(directory / "checkpoints")
    assert info is not None
    assert info.agent_step == 32
