"""The complete example, small."""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from metta_jax.monitor import load_run_config, read_json_lines
from metta_jax.store import PolicyStore
from metta_jax.store.train_state import read_trainer_info

RUN = Path(__file__).resolve().parents[2] / "examples" / "run.py"


def _run(out: Path, *arguments: str, **constants: int) -> None:
    """Runs the example as a program; `constants` are written into it."""
    with pytest.MonkeyPatch.context() as patch:
        cache = str(RUN.parents[1] / ".cache" / "jax")  # where the tests have theirs
        small = ["--num-envs", "2", "--horizon", "8", "--max-minutes", "60"]
        patch.setattr(sys, "argv", [str(RUN), *small, "--out", str(out), "--cache", cache, *arguments])
        if not constants:
            runpy.run_path(str(RUN), run_name="__main__")
            return
        spec = importlib.util.spec_from_file_location("changed_run", RUN)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, value in constants.items():
            assert isinstance(getattr(module, name), int)
            setattr(module, name, value)
        module.main()


def _steps(out: Path) -> list[int]:
    return [record["step"] for record in read_json_lines(out / "metrics.jsonl")]


@pytest.mark.slow
def test_it_trains_evaluates_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = tmp_path / "heartbeat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(heartbeat))
    intervals = ["--checkpoint-interval", "1", "--evaluate-interval", "2", "--replay-interval", "2"]
    url = ("--base-url", "https://example.org/replays")
    _run(tmp_path, "--total-steps", "128", *url, *intervals, LOG_INTERVAL=2, GRADIENT_INTERVAL=2)
    printed = capsys.readouterr().out
    assert "Using device: cpu:0" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("evaluation at epoch 2")]
    scores = dict(part.split() for part in line.partition(": ")[2].split(", "))
    # The world that it trained in is among them: even untrained agents find a heart in it now and then.
    assert set(scores) == {"trained/world", "elsewhere/simple"}
    assert float(scores["trained/world"]) > 0
    assert "https://metta-ai.github.io/metta/?replayUrl=https%3A%2F%2Fexample.org%2Freplays%2F" in printed
    assert "128 agent steps" in printed
    assert _steps(tmp_path) == [64, 128]
    # The monitors and the statistics of gradients at their interval, and no sooner.
    first, second = (set(record) for record in read_json_lines(tmp_path / "metrics.jsonl"))
    sometimes = {"monitor/memory_percent", "trainer_memory/TrainState", "trainer_memory/Agent", "grad/norm"}
    assert sometimes <= second
    assert not sometimes & first
    assert float(heartbeat.read_text(encoding="utf-8")) > 0
    for name in ("learning_curve.png", "run.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "replays" / "epoch_0002.html").stat().st_size > 1000
    assert load_run_config(tmp_path).environment == {"curriculum_path": "forage", "num_envs": 2, "seed": 0}
    records = PolicyStore(tmp_path / "checkpoints").policy_records(tmp_path / "checkpoints", "all")
    assert [record.metadata.epoch for record in records] == [1, 2]
    metadata = records[-1].metadata
    assert metadata.agent_step == 128
    assert set(metadata.evals["category_scores"]) == {"trained", "elsewhere"}
    assert metadata.train_time > 0

    # A run that died after its last checkpoint: the steps that were not saved are played, and logged, again.
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 192}\n{"step": 256}\n')
    _run(tmp_path, "--total-steps", "192", "--no-evaluation", *intervals)
    assert "Resumed at epoch 2, 128 agent steps" in capsys.readouterr().out
    assert _steps(tmp_path) == [64, 128, 192]
    info = read_trainer_info(tmp_path / "checkpoints")
    assert info is not None
    assert info.agent_step == 192
    logged = read_json_lines(tmp_path / "metrics.jsonl")
    for name in ("metric/total_time", "metric/train_time"):
        assert 0 < logged[0][name] < logged[1][name] < logged[2][name]
    assert [record["parameters/latest_saved_policy_epoch"] for record in logged] == [0, 1, 2]
    assert all(record["overview/reward"] == record["overview/reward_vs_total_time"] for record in logged)

    # A finished run leaves its last policy alone.
    policy = tmp_path / "checkpoints" / "model_0003" / "policy.json"
    written = policy.stat().st_mtime_ns
    _run(tmp_path, "--total-steps", "192", "--no-evaluation", *intervals)
    assert "Resumed at epoch 3, 192 agent steps" in capsys.readouterr().out
    assert policy.stat().st_mtime_ns == written

    _run(tmp_path, "--total-steps", "64", "--no-evaluation", "--fresh", *intervals)
    assert "Resumed" not in capsys.readouterr().out
    assert _steps(tmp_path) == [64]
    assert [path.name for path in (tmp_path / "checkpoints").glob("model_*")] == ["model_0001"]


@pytest.mark.slow
def test_a_time_limit_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, "--max-minutes", "0", "--no-evaluation")
    (record,) = PolicyStore(tmp_path / "checkpoints").policy_records(tmp_path / "checkpoints", "all")
    assert record.metadata["final"] is True
    assert "\n0 agent steps" in capsys.readouterr().out
    assert (tmp_path / "checkpoints" / "trainer_state" / "0" / "trainer.json").exists()

    # With another world, or as another network would need it, it says so, in a real process; nothing is lost.
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments, problem in (
        (["--world", "simple"], "another world: curriculum_path 'forage' there, 'simple' here"),
        (["--num-envs", "3"], "another world: num_envs 2 there, 3 here"),
        (["--horizon", "16"], "another batch: batch_size 64 there, 128 here, bptt_horizon 8 there, 16 here"),
    ):
        command = [sys.executable, str(RUN), "--num-envs", "2", "--horizon", "8", "--out", str(tmp_path), *arguments]
        environment = os.environ | {"PYTHONPATH": str(RUN.parents[1])}
        ended = subprocess.run(command, env=environment, cwd=tmp_path.parent, capture_output=True, text=True)
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"run.py: run_dir: '{tmp_path}' holds a run with {problem}; give another")
        assert ended.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--num-envs", "0"), "num_envs: 0 is not at least 1"),
        (("--world", "frage"), "no world 'frage'"),
        (("--device", "abacus"), "device: 'abacus' is not available"),
        (("--horizon", "0"), "bptt_horizon"),
        (("--total-steps", "0"), "total_timesteps"),
        (("--checkpoint-interval", "-1"), "checkpoint_interval"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        _run(tmp_path / "out", *arguments)
    assert str(end.value.code).startswith("run.py: ")
    assert problem in str(end.value.code)
    assert "\n" not in str(end.value.code)
    assert not (tmp_path / "out").exists()
