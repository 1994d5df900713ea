"""Commands around a training run: it is resumed, repeated, evaluated, and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from metta_jax.cli import main
from metta_jax.monitor import load_run_config, read_json_lines

ROOT = Path(__file__).resolve().parents[2]
TINY = ("--num-envs", "1", "--set", "bptt_horizon=4", "minibatch_size=16", "checkpoint.checkpoint_interval=2")


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
    assert again == first  # also: an interrupted run is the same as this one, which was not


@pytest.mark.slow
def test_eval_analyze_and_replay(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies, database = str(run_dir), str(tmp_path / "stats.duckdb")
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
    assert main(["dashboard", database, "--json"]) == 0
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
    assert f"<title>default · {run_dir.name}/model_0004</title>" in Path(page).read_text(encoding="utf-8")


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
    assert "stopped before the end: the same command resumes from here" in out
    (count,) = [int(path.name) for path in (tmp_path / "checkpoints" / "trainer_state").iterdir()]
    assert count == len(read_json_lines(tmp_path / "metrics.jsonl")) >= 2


@pytest.mark.slow
def test_a_run_in_a_directory_with_an_odd_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sweeps name them: every file of a run can be there, is found again, and holds every step once."""
    (tmp_path / "x[1]").mkdir()
    monkeypatch.chdir(tmp_path / "x[1]")
    run = Path("lr=[0.1, 0.2]") / 'it\'s "50%" *{a}$'
    policies, database, replays = str(run / "checkpoints"), str(run / "all's.duckdb"), str(run / "re[plays]")
    for total in ("32", "64"):
        logs = ["--log", "csv", "duckdb", "tensorboard", "--suite", "guide"]
        evaluation = ["simulation.evaluate_interval=4", "simulation.replay_interval=4"]
        arguments = ["train", "default", "--run-dir", str(run), *TINY, *evaluation, "--total-timesteps", total, *logs]
        assert main([*arguments, "--quiet"]) == 0
    assert [record["step"] for record in read_json_lines(run / "metrics.jsonl")] == [16, 32, 48, 64]
    printed = capsys.readouterr().out
    assert "evaluation at epoch 4: " in printed
    (replay,) = [line.removeprefix("replay ") for line in printed.splitlines() if line.startswith("replay ")]
    assert Path(replay).exists()
    assert (run / "run.png").exists()
    assert main(["stats", str(run / "metrics.duckdb"), "SELECT DISTINCT run FROM metrics", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"run": run.name}]
    options = ["--world", "default", "--num-episodes", "1", "--stats-db", database, "--replay-dir", replays]
    assert main(["eval", policies, *options]) == 0
    assert main(["analyze", database]) == 0
    assert main(["replay", "make", policies, "--out", str(run / "made's"), "--no-open"]) == 0
    assert "model_0004" in capsys.readouterr().out


@pytest.mark.slow
def test_a_terminal_that_is_closed_saves(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".cache" / "jax")
    command = [sys.executable, "-m", "metta_jax", "train", "default", "--run-dir", str(tmp_path), *TINY]
    command += ["checkpoint.checkpoint_interval=1000000", "simulation.evaluate_interval=0"]
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=terminal, stderr=terminal, stdin=terminal, start_new_session=True
    )
    os.close(terminal)
    try:
        while len(read_json_lines(tmp_path / "metrics.jsonl") if (tmp_path / "metrics.jsonl").exists() else []) < 2:
            assert process.poll() is None
            os.read(controller, 4096)
            time.sleep(0.1)
        os.close(controller)  # from now on every write fails
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    (count,) = [int(path.name) for path in (tmp_path / "checkpoints" / "trainer_state").iterdir()]
    assert count == len(read_json_lines(tmp_path / "metrics.jsonl")) >= 2
