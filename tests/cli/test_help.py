"""Help comes at once, and fits the terminal."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from metta_jax.cli import command_line, main
from metta_jax.cli.arguments.train import PRESETS
from metta_jax.config import RUN_PRESETS

ROOT = Path(__file__).resolve().parents[2]
LIGHT = [name for name, mention, add in command_line.COMMANDS if mention is add]
SLOW_MODULES = ("jax", "numpy", "pydantic", "flax", "matplotlib", "duckdb", "optuna")

_PROGRAM = f"""
import contextlib, io, sys
from metta_jax.cli import main

for arguments in {[[], ["--help"], ["--version"], *([name, "--help"] for name in LIGHT), ["train", "--num-envs", "x"]]}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(arguments)
    found = [name for name in {SLOW_MODULES} if name in sys.modules]
    assert not found, (arguments, found)
"""


def test_help_loads_nothing_that_takes_long() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.returncode == 0, ended.stderr
    assert after.ru_utime - before.ru_utime < 1.5, "0.1 s on an idle machine; loading JAX alone takes 0.6"


def test_without_a_command_it_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: metta-jax")


@pytest.mark.parametrize("columns", [72, 80, 120])
def test_help_wraps_at_the_width_of_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in ([], *([name] for name in LIGHT), ["replay", "make"], ["worlds", "show"]):
        with pytest.raises(SystemExit):
            main([*arguments, "--help"])
        lines = capsys.readouterr().out.splitlines()
        # What cannot be broken stays whole: a path, a command's usage of one word.
        assert [line for line in lines if len(line) > columns and len(line.split()) > 1] == []
    with pytest.raises(SystemExit):
        main(["eval", "--help"])
    printed = capsys.readouterr().out
    paragraph = printed.partition("\n\n")[2].partition("\n\n")[0]
    assert max(map(len, paragraph.splitlines())) > columns - 25, "paragraphs use the width that there is"
    if columns == 120:
        assert "  metta-jax eval out/forage --suite guide\n  metta-jax eval out/a out/b" in printed


def test_presets_are_those_that_there_are() -> None:
    assert tuple(RUN_PRESETS) == PRESETS
