"""What a run leaves in its directory: whose it is, and what goes when another one takes its place."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.config.base import deep_merge
from metta_jax.config.directories import RunPaths
from metta_jax.curriculum.overrides import flat
from metta_jax.monitor import RunConfig, load_run_config
from metta_jax.monitor.run_config import FILE_NAME
from metta_jax.store.layout import saved_rollout_counts
from metta_jax.worlds import canonical_name

METRICS = "metrics.jsonl"
_SHOWN = 3  # differences that an error lists
_LONGEST = 60  # letters of a value in it
_SIZES = ("batch_size", "bptt_horizon")  # that the shapes of a training state depend on
_PLACES = ("device", "engine_path")  # where the world runs, not which one it is


def check_same_run(run: RunConfig) -> None:
    """A directory resumes the run that it holds: in the same world, with the same network, with as large a batch.

    On which device does not matter. Raises ValueError that names what is different. A directory without training states
    may take any run.
    """
    paths = run.trainer.paths
    if not saved_rollout_counts(Path(paths.checkpoints)) or not (Path(paths.run_dir) / FILE_NAME).exists():
        return
    held = load_run_config(paths.run_dir)
    old, new = _named_world(held.environment), _named_world(run.environment)
    other_agent = held.agent.replace(device=None) != run.agent.replace(device=None)
    problem = f"world: {_differences(old, new)}" if old != new else "agent" if other_agent else None
    old, new = ({name: getattr(config, name) for name in _SIZES} for config in (held.trainer, run.trainer))
    if problem is None and old != new:
        problem = f"batch: {_differences(old, new)}"
    if problem is not None:
        raise ValueError(
            f"run_dir: {paths.run_dir!r} holds a run with another {problem}; give another directory, or delete this one"
        )


def forget_run(paths: RunPaths) -> None:
    """Delete the policies, the training states, the evaluations and the metrics of a run; everything else stays."""
    checkpoints = Path(paths.checkpoints)
    for path in (*checkpoints.glob("model_*"), checkpoints / "trainer_state"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
    for path in Path(paths.stats).glob("*.duckdb*"):  # a database, or the log of one that was not closed
        if path.is_file() or path.is_symlink():
            path.unlink()
    (Path(paths.run_dir) / METRICS).unlink(missing_ok=True)


def _named_world(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `Environment` that say which world it is; names of worlds may be written in several ways."""
    arguments = {name: value for name, value in deep_merge({}, environment).items() if name not in _PLACES}
    path = arguments.get("curriculum_path")
    if isinstance(path, str):
        with contextlib.suppress(ValueError):  # it is a curriculum's name
            arguments["curriculum_path"] = canonical_name(path)
    return arguments


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    old, new = flat(old), flat(new)  # a world may be given by all of its rules
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    shown = [f"{name} {_short(old.get(name))} there, {_short(new.get(name))} here" for name in names[:_SHOWN]]
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join(shown + more)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
