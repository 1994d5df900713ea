"""Wrong use of the command line: one clear line, a code that is not zero, and no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import jax
import pytest

from metta_jax.cli import main

TINY = ("--num-envs", "1", "--set", "bptt_horizon=4", "minibatch_size=16", "checkpoint.checkpoint_interval=2")


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
    "train default --run-dir=": "--run-dir: '' is not a path",
    "train default --num-envs 1e30": "--num-envs: 1e30 is not in 1..2147483647",
    "train default --total-timesteps 1e30": "total_timesteps: 1000000000000000019884624838656 is not at most",
    "train default --device abacus": "device: 'abacus' is not available",
    "train default --device cpu:-1": "--device: 'cpu:-1' is not available; JAX sees cpu:0, cpu:1",
    "eval {dir} --device cpu:9": "--device: 'cpu:9' is not available",
    "bench default --device cuda": "--device: 'cuda' is not available; JAX sees cpu:0, cpu:1; ",
    "play default --device tpu": "--device: 'tpu' is not available; JAX sees cpu:0, cpu:1; ",
    "replay make {dir} --device=": "--device: '' is not available",
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
    "stats {file}": "is not a DuckDB database",
    "analyze {file}": "is not a DuckDB database",
    "dashboard {file}": "is not a DuckDB database",
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


def test_steps_without_memory(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: Any) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.")

    monkeypatch.setattr("metta_jax.cli.bench.jax.block_until_ready", fail)
    with pytest.raises(SystemExit) as end:
        main(["bench", "--num-envs", "2", "--num-steps", "1"])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "there is not enough memory for that: cpu:0 has" in printed
    assert re.search(r"the state of an environment and what a step returns take [\d.]+ kB, for 2 [\d.]+ kB", printed)
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
        (["analyze", str(path)], "holds no evaluations; `metta-jax eval --stats-db` adds some"),
        (["stats", str(path), "-- nothing"], "sql: '-- nothing' is no query"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert problem in capsys.readouterr().err
    assert path.read_bytes() == before
