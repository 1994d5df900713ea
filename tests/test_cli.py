"""The command line."""

from __future__ import annotations

import subprocess
import sys

import jax
import pytest

from metta_jax import __version__, worlds
from metta_jax.cli import main
from metta_jax.mapgen import from_text


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["metta-jax"] == __version__
    assert rows["jax"] == jax.__version__
    assert rows["device"].startswith("cpu:")


def test_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worlds"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["world", "agents", "map", "items", "actions", "steps"]
    assert tuple(line.split()[0] for line in lines) == worlds.list()
    assert "default 4 36x36 5 8 1000" in [" ".join(line.split()) for line in lines]


def test_a_map_of_a_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worlds", "default", "--seed", "3"]) == 0
    first = capsys.readouterr().out
    assert from_text(first).shape == (36, 36)
    main(["worlds", "default", "--seed", "4"])
    assert capsys.readouterr().out != first


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["worlds", "arena/basik"])
    assert error.value.code == 2
    assert capsys.readouterr().err == "metta-jax: worlds: no world 'arena/basik' (did you mean 'arena/basic'?)\n"


@pytest.mark.slow
def test_run_as_a_module() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "metta_jax", "--version"], capture_output=True, text=True, check=True
    )
    assert output.stdout == f"metta-jax {__version__}\n"
