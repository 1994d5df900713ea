"""Worlds of somebody else on the command line: from a module, from an installed package, from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metta_jax import worlds
from metta_jax.agent.presets import preset
from metta_jax.cli import main
from metta_jax.monitor import load_run_config
from metta_jax.worlds import registered

ROOT = Path(__file__).resolve().parents[2]
TINY = ("--num-envs", "1", "--total-timesteps", "16", "--quiet")
TINY += ("--set", "bptt_horizon=4", "minibatch_size=8", "simulation.evaluate_interval=0")

MODULE = '''
from metta_jax import worlds
from metta_jax.config import EnvConfig
from metta_jax.mapgen import RandomRoom


def room(options):
    """Two agents and an altar, unless somebody wants more."""
    num_agents = options.num_agents or 2
    rules = worlds.get("default", num_agents=num_agents).game.replace(max_steps=6)
    width, height = options.size(5, 4)
    objects = {"altar": 1}
    return EnvConfig(game=rules, map_builder=RandomRoom(width=width, height=height, agents=num_agents, objects=objects))


worlds.register("lab/room", worlds.World(room, "Find the altar.", takes=("num_agents", "width", "height")))
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody keeps a module with a world of hers, and that world in files."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "her_worlds.py").write_text(MODULE, encoding="utf-8")
    program = "import her_worlds, metta_jax.worlds as w; print(w.get('lab/room').model_dump_json())"
    text = _run(folder, "-c", program).stdout
    (folder / "room.json").write_text(text, encoding="utf-8")
    (folder / "room.yaml").write_text(text, encoding="utf-8")  # JSON is YAML
    return folder


def _run(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(part) for part in (ROOT, path) if part is not None),
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PLATFORMS": "cpu",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def _metta(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    return _run(folder, "-m", "metta_jax", *arguments, path=path)


@pytest.fixture
def _own_table(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A table of its own for commands in this process, in the folder of the module."""
    monkeypatch.setattr(registered, "_TABLE", registered._Table())
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "her_worlds", raising=False)
    monkeypatch.chdir(folder)


@pytest.mark.usefixtures("_own_table")
def test_a_module_is_loaded_by_every_command_that_takes_a_world(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = str(tmp_path / "room.png")
    assert main(["worlds", "show", "lab/room", "--import", "her_worlds", "--out", out]) == 0
    assert "lab/room: Find the altar." in capsys.readouterr().out.splitlines()
    assert main(["map", "gen", "lab/room", "--import", "her_worlds"]) == 0
    assert capsys.readouterr().out.count("@") == 2
    assert main(["validate", "lab/room", "--import", "her_worlds"]) == 0
    for command in (
        ["train"],
        ["eval"],
        ["sim"],
        ["replay", "make"],
        ["play"],
        ["bench"],
        ["map", "gen"],
        ["validate"],
    ):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        assert "--import MODULE" in capsys.readouterr().out, command


@pytest.mark.usefixtures("_own_table")
@pytest.mark.parametrize("where", ["worlds {}", "worlds list {}", "worlds {} list"])
def test_worlds_of_a_module_are_listed(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(where.format("--import her_worlds").split()) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("lab/room "))
    assert line.split(maxsplit=5) == ["lab/room", "2", "5", "8", "6", "Find the altar."]


@pytest.mark.usefixtures("_own_table")
def test_a_file_is_taken_by_every_command_that_takes_a_world(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for file in ("room.json", "room.yaml"):
        out = str(tmp_path / "room.png")
        assert main(["worlds", "show", file, "--out", out]) == 0
        *rows, name, legend, path = capsys.readouterr().out.splitlines()
        assert (len(rows), name, path) == (4, "room", out)
        assert "@ agent" in legend
        assert main(["map", "gen", file]) == 0
        assert capsys.readouterr().out.splitlines() == rows
        assert main(["validate", file]) == 0
        assert capsys.readouterr().out == f"{file}: valid, a world\n"
    school = tmp_path / "school.yaml"
    school.write_text("{kind: random, tasks: [room.json, simple]}", encoding="utf-8")
    assert main(["validate", str(school)]) == 0


GAME = worlds.get("default", num_agents=2).game.model_dump(mode="json")
FILES: dict[str, tuple[str, Any]] = {
    "a world": ("w.yaml", {"game": GAME, "map_builder": {"type": "RandomRoom", "width": 5, "height": 4, "agents": 2}}),
    "a world, in the original's form": (
        "w.yaml",
        {
            "sampling": 0,
            "agents": 1,
            "game": {
                **GAME,
                "map_builder": {
                    "_target_": "metta.map.mapgen.MapGen",
                    "width": 7,
                    "height": 6,
                    "border_width": 1,
                    "root": {
                        "type": "metta.map.scenes.random.Random",
                        "params": {"agents": 2, "objects": {"altar": 1}},
                    },
                },
            },
        },
    ),
    "a curriculum": ("c.json", {"kind": "random", "tasks": ["simple"]}),
    "a curriculum, in the original's form": ("c.yaml", {"_target_": "x.y.RandomCurriculum", "tasks": {"simple": 1}}),
    "a scene": ("s.yaml", {"type": "Maze"}),
    "a map builder": ("b.yaml", {"_target_": "x.MapGen", "root": {"type": "Maze"}, "width": 5, "height": 5}),
    "an agent": ("a.yaml", preset("fast")),
    "an agent, in the original's form": ("a.yaml", {"device": "cpu", "agent": preset("latent_attn_tiny")}),
    "a suite of simulations": ("e.yaml", {"name": "e", "simulations": {"a/b": {"env": "simple"}}}),
    "a run": ("r.yaml", {"trainer": {"total_timesteps": 100}, "agent": "fast", "seed": None}),
    "a trainer's configuration": ("t.yaml", {"batch_size": 4096, "minibatch_size": 512, "num_workers": None}),
    "a drawn map": ("m.map", "@_\n.#\n"),
}


@pytest.mark.parametrize("kind", FILES)
def test_validate_finds_out_what_a_file_is(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, content = FILES[kind]
    file = tmp_path / name
    text = content if isinstance(content, str) else json.dumps(content, indent=1)  # JSON is YAML
    file.write_text(text, encoding="utf-8")
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: valid, {kind.partition(',')[0]}\n"


def test_a_file_of_the_original_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(json.dumps(FILES["a world, in the original's form"][1]), encoding="utf-8")
    assert main(["map", "gen", str(file)]) == 0
    drawn = capsys.readouterr().out
    assert (len(drawn.splitlines()), drawn.count("@"), drawn.count("_")) == (8, 2, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"type": "Maze", "room_size": 0}, "Maze.room_size: 0 is not at least 1"),
        ({"agent": {"components": {"a": {"type": "Linnear"}}, "observations": {"obs_key": "grid_obs"}}}, "'Linear'?"),
        ({"name": "e", "simulations": {"a": {"env": "arena/basik"}}}, "no world 'arena/basik'"),
        ({"game": GAME, "map_builder": {"type": "RandomRoom", "width": 3, "height": 3}}, "maps[0]: 0 agents are on"),
        ({"batch_sise": 3}, "batch_sise: Extra inputs are not permitted (did you mean 'batch_size'?)"),
        ({"defaults": ["a"], "game": GAME}, "defaults: ['a'] is for Hydra"),
    ],
)
def test_validate_says_what_is_wrong(
    content: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["validate", str(file)])
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.usefixtures("_own_table")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("worlds show lab/room", "worlds: no world 'lab/room' (see worlds.list())"),
        ("worlds show simple --import nowhere", "--import: there is no module 'nowhere' here or on the path"),
        (
            "worlds show simple --import her_worlds.py",
            "no module 'her_worlds.py' here or on the path (did you mean 'her",
        ),
        ("worlds show missing.yaml", "missing.yaml: No such file or directory"),
        ("train missing.yaml", "missing.yaml: No such file or directory"),
        ("bench missing.json", "missing.json: No such file or directory"),
        ("map gen missing.yaml", "missing.yaml: No such file or directory"),
        ("map gen room.json --width 8", "--width: 8 is for scenes; a world has its own size"),
        ("validate wrong.yaml", "wrong.yaml: map_builder: RandomRoom.widht: there is no such parameter (did you mean"),
        ("train wrong.yaml", "wrong.yaml: map_builder: RandomRoom.widht: there is no such parameter (did you mean"),
    ],
)
def test_a_mistake_is_one_line(arguments: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "room.json").read_text(encoding="utf-8")
    (folder / "wrong.yaml").write_text(text.replace('"width"', '"widht"', 1), encoding="utf-8")
    with pytest.raises(SystemExit) as error:
        main(arguments.split())
    assert error.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.slow
def test_a_run_in_a_world_of_a_module(folder: Path) -> None:
    """In real processes: trained, evaluated, recorded and shown by name."""
    trained = _metta(folder, "train", "lab/room", "--import", "her_worlds", "--run-dir", "run", *TINY)
    assert (trained.returncode, trained.stderr) == (0, ""), trained.stderr
    assert trained.stdout.startswith("lab/room into run, on cpu:0")
    assert load_run_config(folder / "run").environment["curriculum_path"] == "lab/room"

    policies = ["run/checkpoints", "--import", "her_worlds"]
    played = _metta(folder, "eval", *policies, "--world", "lab/room", "room.json", "--num-episodes", "1")
    assert played.returncode == 0, played.stderr
    found = json.loads(played.stdout.partition("START===\n")[2].partition("===JSON_OUTPUT_END")[0])
    (checkpoint,) = found["policies"][0]["checkpoints"]
    assert {"lab/room", "room/room"} <= set(checkpoint["metrics"]["detailed"])

    made = _metta(folder, "replay", "make", *policies, "--no-open", "--out", "replays")
    assert made.returncode == 0, made.stderr
    unknown = _metta(folder, "replay", "make", "run/checkpoints", "--no-open")
    assert unknown.returncode == 2
    assert "run cannot be made: worlds: no world 'lab/room' (" in unknown.stderr
    assert "; --import takes the module that registers a world" in unknown.stderr
    assert unknown.stderr.count("\n") == 1

    shown = _metta(folder, "worlds", "show", "lab/room", "--import", "her_worlds", "--out", "room.png")
    assert "lab/room: Find the altar.\nroom.png\n" in shown.stdout


@pytest.mark.slow
def test_a_run_in_a_world_of_a_file(folder: Path, tmp_path: Path) -> None:
    """The run holds what the file says: it is repeated, evaluated and refused by that, whatever the file says now."""
    file = tmp_path / "mine.json"
    file.write_text((folder / "room.json").read_text(encoding="utf-8"), encoding="utf-8")
    trained = _metta(tmp_path, "train", "mine.json", *TINY)
    assert (trained.returncode, trained.stderr) == (0, ""), trained.stderr
    assert trained.stdout.startswith("mine.json into train_dir/mine, on cpu:0")

    file.write_text(file.read_text(encoding="utf-8").replace('"max_steps":6', '"max_steps":9'), encoding="utf-8")
    other = _metta(tmp_path, "train", "mine.json", *TINY)
    assert other.returncode == 2
    assert "holds a run with another world: curriculum_path.game.max_steps 6 there, 9 here; give" in other.stderr

    file.unlink()
    again = _metta(tmp_path, "train", "--config", "train_dir/mine/run_config.json", "--run-dir", "again", "--quiet")
    assert (again.returncode, again.stderr) == (0, ""), again.stderr
    assert again.stdout.startswith("a world of its own into again, on cpu:0")
    metrics = [(tmp_path / name / "metrics.jsonl").read_text(encoding="utf-8") for name in ("train_dir/mine", "again")]
    losses = [[json.loads(line)["losses/value_loss"] for line in text.splitlines()] for text in metrics]
    assert losses[0] == losses[1]
    made = _metta(tmp_path, "replay", "make", "again/checkpoints", "--no-open")
    assert made.returncode == 0, made.stderr


@pytest.mark.slow
def test_a_package_with_an_entry_point(folder: Path, tmp_path: Path) -> None:
    """Installed worlds need no option."""
    (tmp_path / "her_worlds.py").write_text(MODULE, encoding="utf-8")
    facts = tmp_path / "her_worlds-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: her-worlds\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[metta_jax.worlds]\nlab = her_worlds\n", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shown = _metta(elsewhere, "worlds", "show", "lab/room", path=tmp_path)
    assert "lab/room: Find the altar.\nlab_room.png\n" in shown.stdout, shown.stderr
    listed = _metta(elsewhere, "worlds", path=tmp_path)
    assert [line for line in listed.stdout.splitlines() if line.startswith("lab/room ")]
    (tmp_path / "her_worlds.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    listed = _metta(elsewhere, "worlds", path=tmp_path)
    assert listed.returncode == 0
    assert "metta-jax: worlds: the entry point 'lab = her_worlds' of her-worlds failed: ModuleNotFoundError" in (
        listed.stderr
    )
