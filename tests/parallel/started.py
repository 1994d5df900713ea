"""Real processes of one run, started as a user does, on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from metta_jax.monitor import read_json_lines

ROOT = Path(__file__).resolve().parents[2]
UPDATE = 32  # agent-steps


def write_config(path: Path, run_dir: Path, num_updates: int, row_groups: int = 1) -> Path:
    """A run of 4 environments with 2 agents each, which can be divided among 1, 2 and 4."""
    world = {"curriculum_path": "default", "num_agents": 2, "width": 8, "height": 8, "num_maps": 2, "num_envs": 4}
    trainer = {
        "total_timesteps": num_updates * UPDATE,
        "batch_size": UPDATE,
        "minibatch_size": 16,
        "bptt_horizon": 4,
        "row_groups": row_groups,
        "run_dir": str(run_dir),
        "checkpoint": {"checkpoint_interval": 2},
        "simulation": {"evaluate_interval": 0, "replay_interval": 0},
    }
    path.write_text(json.dumps({"environment": world, "trainer": trainer, "agent": "fast"}), encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    """Variables for a program that uses the compiled programs of the tests."""
    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }


def start(config: Path, num_processes: int, *more: str) -> list[subprocess.Popen[str]]:
    """The processes of `metta-jax train`; one is started without `--distributed`."""
    command = [sys.executable, "-m", "metta_jax", "train", "--config", str(config), "--quiet", *more]
    options: list[list[str]] = [["--devices", "1"]]
    if num_processes > 1:
        place = f"127.0.0.1:{_free_port()}"
        several = ["--distributed", "--coordinator", place, "--num-processes", str(num_processes)]
        options = [[*several, "--process-id", str(index)] for index in range(num_processes)]
    return [
        subprocess.Popen(
            [*command, *some],
            env=environment(),
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for some in options
    ]


def finish(processes: list[subprocess.Popen[str]], timeout: float = 600.0) -> list[tuple[int, str, str]]:
    """Exit code, standard output and standard error of each."""
    found = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=timeout)
            found.append((process.returncode, out, err))
    finally:
        end(processes)
    return found


def end(processes: list[subprocess.Popen[str]]) -> None:
    """Nothing of them stays, whatever happened."""
    for process in processes:
        for one in worker_and_watcher(process):
            one.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def worker_and_watcher(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process that trains first, then the one that was started; [] if it has ended."""
    try:
        watcher = psutil.Process(process.pid)
        return [*watcher.children(), watcher]
    except psutil.NoSuchProcess:
        return []


def wait_for_updates(run_dir: Path, number: int, timeout: float = 600.0) -> None:
    """Return when `number` updates are in the log."""
    limit = time.monotonic() + timeout
    while len(metrics(run_dir)) < number:
        assert time.monotonic() < limit, "the run does not begin"
        time.sleep(0.2)


def metrics(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / "metrics.jsonl"
    return list(read_json_lines(path)) if path.exists() else []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
