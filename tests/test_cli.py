"""The command line: what commands print and write, and that mistakes are one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jax
import pytest

from metta_jax import __version__, worlds
from metta_jax.cli import command_line, main
from metta_jax.cli.run_options import run_from
from metta_jax.mapgen import Load, RandomRoom, build_maps, from_plain, from_text, read_stored_map
from metta_jax.monitor import load_run_config, read_json_lines
from metta_jax.sim import EvalStatsDB

ROOT = Path(__file__).resolve().parents[1]
TINY = ("--num-envs", "1", "--set", "bptt_horizon=4", "minibatch_size=16", "checkpoint.checkpoint_interval=2")


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
    assert main(["worlds", "curricula"]) == main(["worlds", "suites"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(worlds.list_curricula())] == list(worlds.list_curricula())
    assert "guide                      2 simulations" in lines


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


def test_validate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("total_timesteps: 100\nppo: {clip_coef: 0.2}\n", encoding="utf-8")
    assert main(["validate", "default", "curriculum/simple", str(file)]) == 0
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == ["good"] * 3


def _world(file: Path, content: str, *arguments: str) -> Any:
    file.write_text(content, encoding="utf-8")
    run = run_from(command_line._parser().parse_args(["train", *arguments, "--config", str(file)]))
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
    with pytest.raises(ValueError, match="^curriculum: 'puffer' is given beside the world 'default'; give one of them"):
        _world(file, of_trainer, "default", "--set", "curriculum=puffer")


@pytest.mark.parametrize("command", [module.__name__.rpartition(".")[2] for module in command_line._COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = {"evaluate": "eval", "maps": "map"}.get(command, command)
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: metta-jax {name}")


MISTAKES = {
    "worlds show default --out {file}/x.png": "File exists",
    "worlds show arena/basik": "worlds: no world 'arena/basik' (did you mean 'arena/basic'?)",
    "train arena/basik": "no world 'arena/basik'",
    "train default --num-envs many": "--num-envs: 'many' is not a whole number",
    "train default --num-envs 0": "--num-envs: 0 is not at least 1",
    "train default --num-envs 1.5": "--num-envs: '1.5' is not a whole number",
    "train default --seed -1": "--seed: -1 is not in 0..4294967295",
    "train default --max-minutes nan": "--max-minutes: nan is not more than 0",
    "train default --agent fats": "not 'fats'",
    "train default --set ppo.clip_coef=a_lot": "ppo.clip_coef",
    "train default --set ppo.clip=0.1": "did you mean 'clip_coef'?",
    "train default --set clip_coef": "--set: 'clip_coef' is not <field>=<value>",
    "train default --set minibatch_size=7": "batch_size must be divisible by minibatch_size",
    "train default --suite navigatio": "did you mean 'navigation'?",
    "train default --run-dir {file}/run": "--run-dir: cannot write into",
    "train default --run-dir=": "--run-dir: '' is no path",
    "train default --num-envs 1e30": "--num-envs: 1e30 is not in 1..2147483647",
    "train default --total-timesteps 1e30": "total_timesteps: 1000000000000000019884624838656 is not at most",
    "train default --device abacus": "device: 'abacus' is not available",
    "train default --set bptt_horizon=7.5": "bptt_horizon: Input should be a valid integer, not 7.5",
    "train default --set batch_size=many": "batch_size: Input should be a valid integer, not 'many'",
    "train --config {dir}/none.yaml": "none.yaml: No such file or directory",
    "train --config {file}": "is not a mapping",
    "eval {dir}/none": "No policy records found at",
    "eval {dir} --num-episodes 0": "--num-episodes: 0 is not at least 1",
    "eval": "required: policy",
    "replay make {dir}": "No policy records found at",
    "replay view {dir}/none.json.z": "none.json.z: No such file or directory",
    "stats {dir}/none.duckdb": "cannot read",
    "play arena/basik": "no world 'arena/basik'",
    "play default --policy {dir}": "No policy records found at",
    "play default --greedy": "--greedy: is for --policy, which is missing",
    "play default --port 65536": "--port: 65536 is not in 0..65535",
    "play default --terminal": "--terminal: standard input is not a terminal",
    "validate {dir}": "no world",
    "stats {file}": "is no DuckDB database",
    "analyze {file}": "is no DuckDB database",
    "dashboard {file}": "is no DuckDB database",
    "map": "required: <command>",
    "map gen arena/basik": "no world 'arena/basik' (did you mean 'arena/basic'?)",
    "map gen default --width 5": "--width: 5 is for scenes; a world has its own size",
    "map gen {dir}/none.yaml": "none.yaml: No such file or directory",
    "map gen default --out {file}/a.map": "--out: cannot write into",
    "map view {dir}/none.map": "none.map: No such file or directory",
    "map view {file}": "Unknown character: w (line 1)",
    "map normalize {file} --in-place": "Unknown character: w (line 1)",
    "monitor {file} --pid 2000000000": "there is no process 2000000000",
    "monitor {file}": "required: --pid",
    "bench nowhere": "no world 'nowhere'",
    "": "required: <command>",
    "fly": "invalid choice: 'fly'",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line(arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("words\n", encoding="utf-8")
    with pytest.raises(SystemExit) as error, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        main(arguments.format(dir=tmp_path, file=file).split())
    assert error.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("metta-jax: ")
    assert printed.err.count("\n") == 1
    assert MISTAKES[arguments] in printed.err
    assert printed.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nothing was made"


CONFIGURATIONS = {
    "words": "is not a mapping of names",
    "a: [": "run.yaml: while parsing a flow node",
    "\udcff": "run.yaml: 'utf-8' codec can't decode",
    "trainer: 5": "run.yaml: trainer is not a mapping",
    "trainer: {}\nworld: x": "run.yaml: world is not a field of a run",
    "trainer: {total_timesteps: lots}": "total_timesteps: Input should be a valid integer, not 'lots'",
    "environment: {width: big}": "environment.width: 'big' is not a whole number",
    "environment: {num_envs: 0}": "environment.num_envs: 0 is not a whole number in 1..",
    "environment: {colour: red}": "environment.colour: is not known; there are",
    "environment: {device: cpu}": "environment.device: is not part of a run; use --device",
    "environment: {stats: lots}": "stats: 'lots' is not one of",
    "environment: {}\nseed: [1]": "seed: [1] is not a whole number",
}


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_wrong_file_is_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    for command in (["train", "--config"], ["validate"]):
        with pytest.raises(SystemExit) as error:
            main([*command, str(file)])
        assert error.value.code == 2
        printed = capsys.readouterr()
        assert CONFIGURATIONS[text] in printed.err
        assert printed.err.count("\n") == 1
        assert printed.out == ""


@pytest.mark.parametrize(
    ("settings", "option"),
    [("checkpoint.checkpoint_dir", "checkpoint_dir"), ("simulation.replay_dir", "simulation.replay_dir")],
)
def test_directories_are_tried_before_the_run(
    settings: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("words\n", encoding="utf-8")
    with pytest.raises(SystemExit) as error:
        main(["train", "default", "--run-dir", str(tmp_path / "run"), *TINY, f"{settings}={file}"])
    assert error.value.code == 2
    assert f"{option}: cannot write into '{file}': File exists\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            MemoryError("Unable to allocate 7.28 TiB"),
            "there is not enough memory for that: Unable to allocate",
        ),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"), "there is not enough memory for that: RES"),
        (
            jax.errors.JaxRuntimeError("INTERNAL: Out of memory allocating 8 bytes."),
            "there is not enough memory for that",
        ),
        (ImportError("wandb is not installed: pip install it"), "wandb is not installed: pip install it"),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("metta_jax.cli.info.jax.devices", fail)
    with pytest.raises(SystemExit) as end:
        main(["info"])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"metta-jax: {text}")
    assert printed.count("\n") == 1


def test_mistakes_of_the_program_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: something broke")

    monkeypatch.setattr("metta_jax.cli.info.jax.devices", fail)
    with pytest.raises(jax.errors.JaxRuntimeError):
        main(["info"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "metta_jax", "worlds"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 2
    assert ended.stderr == "metta-jax: No space left on device\n"


def test_a_database_without_an_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE fruits AS SELECT 'apple' AS name")
    before = path.read_bytes()
    for arguments, problem in (
        (["analyze", str(path)], "holds no evaluation; `metta-jax eval --stats-db` adds one"),
        (["stats", str(path), "-- nothing"], "sql: '-- nothing' is no query"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert problem in capsys.readouterr().err
    assert path.read_bytes() == before


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
        "words": "this is no scene and no map builder: 'words'",
        "type: {a: 1}": "there is no scene, room or distribution",
        "type: Scene": "there is no scene, room or distribution 'Scene'",
        "{type: InlineAscii, data: 3}": "InlineAscii.map: 3 is not text",
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
    assert main(["dashboard", str(database)]) == 0
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
    assert main(["dashboard", str(database), "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == printed
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


@pytest.mark.slow
def test_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    assert main(["bench", "--num-envs", "2", "--num-steps", "3", "--rounds", "1", "--json", str(file)]) == 0
    row = json.loads(file.read_text(encoding="utf-8"))
    assert row["agent_steps_per_s"] > 0
    assert "agent_steps_per_s" in capsys.readouterr().out


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four updates of 16 agent steps; two of them, then the others after a restart."""
    directory = tmp_path_factory.mktemp("run")
    for total in ("32", "64"):
        _train(directory, "--total-timesteps", total, "--quiet")
    return directory


def _train(directory: Path, *more: str) -> int:
    return main(["train", "default", "--run-dir", str(directory), *TINY, *more])


@pytest.mark.slow
def test_a_run_goes_on(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [record["step"] for record in read_json_lines(run_dir / "metrics.jsonl")] == [16, 32, 48, 64]
    assert sorted(path.name for path in (run_dir / "checkpoints").iterdir()) == [
        "model_0002", "model_0004", "trainer_state",
    ]  # fmt: skip
    assert load_run_config(run_dir).trainer.total_timesteps == 64
    # It is finished: nothing is left to do, and nothing is done.
    assert _train(run_dir, "--total-timesteps", "64") == 0
    assert "64 agent steps; the newest policy is file://" in capsys.readouterr().out
    assert len(read_json_lines(run_dir / "metrics.jsonl")) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "holds a run with another world: curriculum_path 'default' there, 'forage' here"),
        (("--agent", "default"), "holds a run with another"),
        (("--set", "bptt_horizon=8"), "holds a run with another"),
    ],
)
def test_a_directory_of_another_run(
    run_dir: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run_dir / "run_config.json").read_bytes()
    with pytest.raises(SystemExit) as error:
        main(["train", "forage", "--run-dir", str(run_dir), *TINY, *arguments])
    assert error.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert (run_dir / "run_config.json").read_bytes() == before


@pytest.mark.slow
def test_the_configuration_file_of_a_run_repeats_it(run_dir: Path, tmp_path: Path) -> None:
    arguments = ["--config", str(run_dir / "run_config.json"), "--run-dir", str(tmp_path), "--quiet"]
    assert main(["train", *arguments]) == 0
    same = ("losses/policy_loss", "losses/value_loss", "experience/rewards", "step")
    again, first = (
        [{name: record[name] for name in same} for record in read_json_lines(path / "metrics.jsonl")]
        for path in (tmp_path, run_dir)
    )
    assert again == first  # also: a run that was interrupted is the same as this one, which was not


@pytest.mark.slow
def test_eval_analyze_and_replay(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies, database = str(run_dir / "checkpoints"), str(tmp_path / "stats.duckdb")
    capsys.readouterr()
    options = ["--world", "default", "--selector", "all", "--num-episodes", "1", "--stats-db", database]
    assert main(["eval", policies, *options, "--replay-dir", str(tmp_path / "replays")]) == 0
    lines = capsys.readouterr().out.splitlines()
    start, end = lines.index("===JSON_OUTPUT_START==="), lines.index("===JSON_OUTPUT_END===")
    found = json.loads("\n".join(lines[start + 1 : end]))
    assert found["simulation_suite"] == "worlds"
    (policy,) = found["policies"]
    assert policy["policy_uri"] == policies
    assert [checkpoint["name"] for checkpoint in policy["checkpoints"]] == ["model_0002", "model_0004"]
    for checkpoint in policy["checkpoints"]:
        metrics: dict[str, Any] = checkpoint["metrics"]
        assert set(metrics) == {"reward_avg", "reward_avg_category_normalized", "detailed"}
        assert metrics["reward_avg"] == metrics["detailed"]["default/default"]
        assert Path(checkpoint["replay_url"]).exists()

    assert main(["analyze", database]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["policy", "default"]
    assert len(rows) == 2
    assert main(["dashboard", database]) == 0
    evals = json.loads(capsys.readouterr().out)["policy_evals"]
    assert [(found["policy_version"], found["eval_name"]) for found in evals] == [(2, "default"), (4, "default")]
    for found, checkpoint in zip(evals, policy["checkpoints"], strict=True):
        assert found["replay_url"] == checkpoint["replay_url"]
        (reward,) = (metric for metric in found["policy_eval_metrics"] if metric["metric"] == "reward")
        mean = reward["sum_value"] / found["group_num_agents"][str(reward["group_id"])]
        assert mean == pytest.approx(checkpoint["metrics"]["reward_avg"])

    assert main(["replay", "make", policies, "--out", str(tmp_path / "made"), "--no-open"]) == 0
    replay, page = capsys.readouterr().out.splitlines()[-2:]
    assert Path(replay).is_relative_to(tmp_path / "made")
    assert Path(page).read_text(encoding="utf-8").startswith("<!")


@pytest.mark.slow
def test_control_c_saves(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "metta_jax", "train", "default", "--run-dir", str(tmp_path), *TINY]
    command += ["checkpoint.checkpoint_interval=1000000", "simulation.evaluate_interval=0"]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while len(read_json_lines(tmp_path / "metrics.jsonl") if (tmp_path / "metrics.jsonl").exists() else []) < 2:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "stopped before the end: the same command goes on from here" in out
    (count,) = [int(path.name) for path in (tmp_path / "checkpoints" / "trainer_state").iterdir()]
    assert count == len(read_json_lines(tmp_path / "metrics.jsonl")) >= 2
