"""The command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    assert header.split() == ["world", "agents", "items", "actions", "steps", "description"]
    assert tuple(line.split()[0] for line in lines) == worlds.list()
    default = next(line for line in lines if line.startswith("default "))
    assert default.split(maxsplit=5) == ["default", "4", "5", "8", "1000", worlds.describe("default")]


def test_a_map_of_a_world(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "default.png"
    assert main(["worlds", "show", "default", "--seed", "3", "--out", str(picture)]) == 0
    *rows, about, path = capsys.readouterr().out.splitlines()
    assert from_text("\n".join(rows)).shape == (36, 36)
    assert about == f"default: {worlds.describe('default')}"
    assert path == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    main(["worlds", "show", "default", "--seed", "4", "--out", str(picture)])
    assert capsys.readouterr().out.splitlines()[:36] != rows


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["worlds", "show", "arena/basik"])
    assert error.value.code == 2
    assert capsys.readouterr().err == "metta-jax: worlds: no world 'arena/basik' (did you mean 'arena/basic'?)\n"


@pytest.mark.slow
def test_run_as_a_module() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "metta_jax", "--version"], capture_output=True, text=True, check=True
    )
    assert output.stdout == f"metta-jax {__version__}\n"
