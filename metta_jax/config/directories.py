"""Where a run keeps its files. Nothing here touches the disk."""

import os
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class RunPaths:
    """Directories of one run."""

    run_dir: str
    checkpoints: str
    replays: str
    profiles: str
    stats: str

    @property
    def run(self) -> str:
        """The name of the run: the last part of its directory."""
        return os.path.basename(os.path.normpath(self.run_dir))


def paths_in(run_dir: str, checkpoint_dir: str = "", replay_dir: str = "", profile_dir: str = "") -> RunPaths:
    """The directories of a run; those that are not given lie inside `run_dir`."""
    return RunPaths(
        run_dir=run_dir,
        checkpoints=checkpoint_dir or os.path.join(run_dir, "checkpoints"),
        replays=replay_dir or os.path.join(run_dir, "replays"),
        profiles=profile_dir or os.path.join(run_dir, "profiles"),
        stats=os.path.join(run_dir, "stats"),
    )


def run_directories(run: str | None = None) -> RunPaths:
    """`$DATA_DIR` (default ./train_dir) / `run`, default `$METTA_RUN`, else `run_<date>_<time>`."""
    name = run or os.environ.get("METTA_RUN") or datetime.now().strftime("run_%Y%m%d_%H%M%S")
    return paths_in(os.path.join(os.environ.get("DATA_DIR") or "./train_dir", name))
