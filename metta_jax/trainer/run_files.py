"""What a run leaves in its directory, when another one takes its place or goes back to a checkpoint."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from metta_jax.config.directories import RunPaths
from metta_jax.monitor import read_json_lines

METRICS = "metrics.jsonl"


def forget_run(paths: RunPaths) -> None:
    """Deletes the policies, the training states, the evaluations and the metrics of a run; everything else stays."""
    checkpoints = Path(paths.checkpoints)
    for path in (*checkpoints.glob("model_*"), checkpoints / "trainer_state"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
    for path in Path(paths.stats).glob("*.duckdb*"):  # a database, or the log of one that was not closed
        if path.is_file() or path.is_symlink():
            path.unlink()
    (Path(paths.run_dir) / METRICS).unlink(missing_ok=True)


def forget_records_after(path: str | os.PathLike[str], step: int) -> None:
    """Deletes the lines of a file of `JsonLinesLog` that are of later steps.

    A run that was killed goes on from its last checkpoint, and plays the steps after it again.
    """
    path = Path(path)
    if not path.exists():
        return
    records = read_json_lines(path)
    kept = sum(record["step"] <= step for record in records)
    if kept < len(records):
        lines = path.read_bytes().splitlines(keepends=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(b"".join(lines[:kept]))
        os.replace(temporary, path)
