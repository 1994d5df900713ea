"""Commands that train nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jax
import pytest

from metta_jax import __version__, worlds
from metta_jax.cli import command_line, main
from metta_jax.cli.run_options import given_file, run_from
from metta_jax.mapgen import Load, RandomRoom, build_maps, from_plain, from_text, read_stored_map
from metta_jax.sim import EvalStatsDB


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["metta-jax"] == __version__
    assert rows["jax"] == jax.__version__
    assert rows["device"].startswith("cpu:")
    assert "memory" not in rows  # a CPU reports none of its own
    assert rows["host"].endswith("of it free")


def test_info_of_an_accelerator(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    report = {"bytes_limit": 105_400_000_000, "bytes_in_use": 2_000_000_000}
    client = SimpleNamespace(platform_version="cuda 12090")
    gpu = SimpleNamespace(platform="gpu", id=0, device_kind="A card", memory_stats=lambda: report, client=client)
    monkeypatch.setattr("metta_jax.cli.info.jax.devices", lambda *_: [gpu])
    with jax.default_matmul_precision("highest"):
        assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert "device            gpu:0 A card\n  memory          105.4 GB for JAX, 2.0 GB of it in use\n" in printed
    assert "cuda 12090\n" in printed
    assert "gpu: float32 (23 bits of fraction), by jax_default_matmul_precision=highest\n" in printed
    assert main(["info"]) == 0
    assert "gpu: TF32 (10 bits" in capsys.readouterr().out


def test_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worlds"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["world", "agents", "items", "actions", "steps", "description"]
    assert tuple(line.split()[0] for line in lines) == worlds.list()
    default = next(line for line in lines if line.startswith("default "))
    assert default.split(maxsplit=5) == ["default", "4", "5", "8", "1000", worlds.describe("default")]
    assert main(["worlds", "curricula"]) == main(["worlds", "suites"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(worlds.list_curricula())] == list(worlds.list_curricula())
    assert "guide                      2 simulations" in lines


def test_a_map_of_a_world(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "default.png"
    assert main(["worlds", "show", "default", "--seed", "3", "--out", str(picture)]) == 0
    *rows, about, legend, path = capsys.readouterr().out.splitlines()
    assert from_text("\n".join(rows)).shape == (36, 36)
    assert about == f"default: {worlds.describe('default')}"
    assert path == str(picture)
    assert legend == "@ agent  # wall  s block  m mine_red  n generator_red  _ altar"
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.unlink()
    monkeypatch.chdir(tmp_path)
    main(["worlds", "show", "default", "--seed", "4"])
    assert capsys.readouterr().out.splitlines()[:36] != rows
    assert list(tmp_path.iterdir()) == [], "a file is only written when asked for"


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_a_world_as_a_file_to_change(suffix: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / f"mine.{suffix}"
    assert main(["worlds", "show", "forage", "--out", str(file)]) == 0
    *rows, _, _, path = capsys.readouterr().out.splitlines()
    assert path == str(file)
    assert worlds.read(str(file)) == worlds.get("forage")
    assert main(["worlds", "show", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[: len(rows)] == rows
    with pytest.raises(SystemExit):
        main(["worlds", "show", "forage", "--out", str(tmp_path / "mine.txt")])
    assert "mine.txt' does not end in .png, .yaml, .yml or .json" in capsys.readouterr().err


def test_validate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("total_timesteps: 100\nppo: {clip_coef: 0.2}\n", encoding="utf-8")
    assert main(["validate", "default", "curriculum/arena/random", str(file)]) == 0
    kinds = [line.rpartition(": valid, ")[2] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["a world", "a curriculum", "a trainer's configuration"]


def _world(file: Path, content: str, *arguments: str) -> Any:
    file.write_text(content, encoding="utf-8")
    options = command_line.parse(["train", *arguments, "--config", str(file)])[1]
    run = run_from(options, given_file(options))
    assert run.trainer.curriculum_or_env == run.environment["curriculum_path"]
    return run.environment["curriculum_path"]


def test_one_world_of_several_places(tmp_path: Path) -> None:
    """The command line's, else that of a run's environment, else that of the trainer's configuration."""
    file = tmp_path / "run.yaml"
    of_trainer, of_run = "curriculum: forage", "trainer: {env: forage}\nenvironment: {curriculum_path: debug}"
    assert _world(file, "total_timesteps: 100") == "default"
    assert _world(file, of_trainer) == "forage"
    assert _world(file, of_run) == "debug"
    for content in (of_trainer, of_run):
        assert _world(file, content, "default") == "default"
        assert _world(file, content, "--set", "curriculum=puffer") == "puffer"
    with pytest.raises(
        ValueError, match="^curriculum: 'puffer' is given in addition to the world 'default'; give one of them"
    ):
        _world(file, of_trainer, "default", "--set", "curriculum=puffer")


@pytest.mark.parametrize("name", [name for name, _, _ in command_line.COMMANDS])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: metta-jax {name}")


def test_stats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE fruits AS SELECT 'apple' AS name, 3 AS number UNION ALL SELECT 'fig', 12")
    assert main(["stats", str(path)]) == 0
    assert capsys.readouterr().out.split("\n")[1].split() == ["fruits", "table", "2"]
    assert main(["stats", str(path), "SELECT * FROM fruits ORDER BY number"]) == 0
    assert capsys.readouterr().out == "name   number\napple       3\nfig        12\n"
    assert main(["stats", str(path), "SELECT number FROM fruits ORDER BY number", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"number": 3}, {"number": 12}]
    for sql in ("SELECT nothing FROM fruits", "DROP TABLE fruits"):
        with pytest.raises(SystemExit):
            main(["stats", str(path), sql])
        assert capsys.readouterr().err.count("\n") == 1


def test_maps_are_made_shown_and_normalized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        assert main(["map", *arguments]) == 0
        return capsys.readouterr().out

    file = tmp_path / "made" / "a.map"
    assert run("gen", "default", "--seed", "3", "--num-maps", "2", "--out", str(file)).split() == [
        str(file.with_name("a_0.map")), str(file.with_name("a_1.map")),
    ]  # fmt: skip
    stored = read_stored_map(file.with_name("a_1.map"))
    drawn = [made.grid for made in build_maps(worlds.get("default").map_builder, seed=3, num_maps=2)]
    assert (stored.game_map.grid == drawn[1]).all()
    assert (stored.metadata["seed"], stored.metadata["number"]) == (3, 1)
    assert from_plain(stored.config) == worlds.get("default").map_builder
    assert from_text(run("gen", "default", "--seed", "3")).tolist() == drawn[0].tolist()
    (again,) = build_maps(Load(str(file.with_name("a_0.map"))), seed=0, num_maps=1)
    assert again.grid.tolist() == drawn[0].tolist()

    shown, picture = run("view", str(file.with_name("a_0.map"))).rstrip().rsplit("\n", 1)
    assert from_text(shown).tolist() == drawn[0].tolist()
    assert Path(picture) == file.with_name("a_0.png")
    assert Path(picture).read_bytes().startswith(b"\x89PNG")

    plain_file = tmp_path / "plain.txt"
    plain_file.write_text("WWWW\nWA W\nWraW\nWWWW", encoding="utf-8")
    assert run("normalize", str(plain_file)) == "####\n#@.#\n#m_#\n####\n"
    assert plain_file.read_text(encoding="utf-8").startswith("WWWW")
    front = "metadata:\n  labels: [A, W]   # by hand\n---\n"
    plain_file.write_text(f"{front}WA\n12\n", encoding="utf-8")
    run("normalize", str(plain_file), "--in-place")
    assert plain_file.read_text(encoding="utf-8") == f"{front}#@\n12\n"
    run("view", str(plain_file), "--out", str(tmp_path / "b.png"))
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_maps_of_scenes_and_builders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text("type: RadialMaze\narm_width: 2\n", encoding="utf-8")
    with pytest.raises(SystemExit) as error:
        main(["map", "gen", str(scene)])
    assert error.value.code == 2
    assert "scene.yaml: width and height must be provided" in capsys.readouterr().err
    assert main(["map", "gen", str(scene), "--width", "9", "--height", "7"]) == 0
    assert from_text(capsys.readouterr().out).shape == (9, 11)
    for text, message in {
        "words": "scene.yaml: 'words' is not a map builder, it has no method build(rng)",
        "{width: 8, height: 6}": "scene.yaml: type: missing; it is the name of a map builder, as MapGen or RandomRoom",
        "{type: Uniform, low: 1, high: 2}": "scene.yaml: Uniform(low=1, high=2) is not a map builder",
        "type: {a: 1}": "type: {'a': 1} is not the name of a class",
        "type: Scene": "there is no scene, room or distribution 'Scene'",
        "{type: InlineAscii, data: 3}": "InlineAscii: map: 3 is not text",
        "{type: WFC, pattern: 3}": "WFC.pattern: 3 is not text",
    }.items():
        scene.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as error:
            main(["map", "gen", str(scene), "--width", "9", "--height", "7"])
        assert error.value.code == 2
        assert message in capsys.readouterr().err
    builder = tmp_path / "room.yaml"
    builder.write_text("type: RandomRoom\nwidth: 8\nheight: 6\nagents: 2\n", encoding="utf-8")
    assert main(["map", "gen", str(builder), "--seed", "5"]) == 0
    (made,) = build_maps(RandomRoom(width=8, height=6, agents=2), seed=5, num_maps=1)
    assert from_text(capsys.readouterr().out).tolist() == made.grid.tolist()


def test_dashboard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "a.duckdb"
    with EvalStatsDB(database) as db:
        db.record_simulation("sim", "nav/small", "nav", "/env/small", "file://mine", 3)
        for number, url in enumerate([None, "file://first", "file://last"]):
            db.record_sim_episode(
                "sim",
                str(number),
                attributes={},
                agent_metrics={0: {"reward": 1.0}, 1: {"reward": 2.0}, 2: {"other": 4.0}, 3: {"reward": 8.0}},
                agent_groups={0: 0, 1: 1, 2: 1, 3: 1},
                agent_policies={0: ("file://mine", 3), 1: ("file://mine", 3), 2: ("file://mine", 3), 3: ("npc", 0)},
                step_count=7,
                replay_url=url,
                created_at=datetime(2026, 1, 1 + number, tzinfo=UTC),
            )
    assert main(["dashboard", str(database), "--json"]) == 0
    printed = capsys.readouterr().out
    where = {"eval_name": "/env/small", "suite": "nav", "replay_url": "file://last"}
    assert json.loads(printed) == {
        "policy_evals": [
            {
                "policy_key": "file://mine",
                "policy_version": 3,
                **where,
                "group_num_agents": {"0": 3, "1": 6},
                "policy_eval_metrics": [
                    {"metric": "other", "group_id": 1, "sum_value": 12.0},
                    {"metric": "reward", "group_id": 0, "sum_value": 3.0},
                    {"metric": "reward", "group_id": 1, "sum_value": 6.0},
                ],
            },
            {
                "policy_key": "npc",
                "policy_version": 0,
                **where,
                "group_num_agents": {"1": 3},
                "policy_eval_metrics": [{"metric": "reward", "group_id": 1, "sum_value": 24.0}],
            },
        ]
    }
    out = tmp_path / "pages" / "a.json"
    assert main(["dashboard", str(database), "--json", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == printed
    capsys.readouterr()
    assert main(["dashboard", str(database), "--no-open"]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == database.with_suffix(".html")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(SystemExit):
        main(["analyze", str(database), "--metric", "rewart"])
    assert capsys.readouterr().err == (
        "metta-jax: --metric: 'rewart' is not in the database (did you mean 'reward'?); there are other, reward\n"
    )
    with duckdb.connect(str(tmp_path / "b.duckdb")) as connection:
        connection.execute("CREATE TABLE fruits AS SELECT 1 AS apple")
    with pytest.raises(SystemExit) as error:
        main(["dashboard", str(tmp_path / "b.duckdb")])
    assert error.value.code == 2
    printed_error = capsys.readouterr().err
    assert "holds no evaluations" in printed_error
    assert printed_error.count("\n") == 1


@pytest.mark.slow
def test_run_as_a_module() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "metta_jax", "--version"], capture_output=True, text=True, check=True
    )
    assert output.stdout == f"metta-jax {__version__}\n"


@pytest.mark.slow
def test_control_c_while_it_loads() -> None:
    program = """
import os, signal, sys
import metta_jax.cli

class ControlC:
    def find_spec(self, name, *_):
        if name == "optax":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, ControlC())
metta_jax.cli.main(["info"])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "metta-jax: interrupted\n")
