"""Metrics for Weights & Biases (optional: `pip install 'metta-jax[wandb]'`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_jax.monitor.logger import Logger, plain_values
from metta_jax.monitor.optional import require


class WandbLog(Logger):
    """Log into a run of Weights & Biases.

    Without a network: `mode="offline"` or WANDB_MODE=offline; `wandb sync DIRECTORY/wandb/offline-run-*` uploads later.

    Args:
      project: that the run belongs to.
      directory: the run's files go into `wandb` in it; made if it is not there.
      name: of the run; None: a random one.
      run_id: continues the run of this id if it exists, else makes it; None: a new run.
      config: what is shown as the run's configuration, JSON-able.
      mode: "online", "offline", "disabled"; None: WANDB_MODE, else online.

    Raises:
      ImportError: wandb is not installed.
    """

    def __init__(
        self,
        project: str,
        *,
        directory: str | os.PathLike[str] = ".",
        name: str | None = None,
        run_id: str | None = None,
        config: Mapping[str, Any] | None = None,
        mode: str | None = None,
    ) -> None:
        wandb = require("wandb", "wandb")
        Path(directory).mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=project,
            dir=str(directory),
            name=name,
            id=run_id,
            resume=None if run_id is None else "allow",
            config=None if config is None else dict(config),
            mode=mode,
        )
        self.directory = Path(self._run.dir).parent

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log one record; None is left out. Steps must grow: wandb drops what comes with an earlier one."""
        self._run.log(
            {name: value for name, value in plain_values(metrics).items() if value is not None}, step=int(step)
        )

    def close(self) -> None:
        """End the run. wandb's own process writes what is left soon after, at the end of the program at the latest."""
        self._run.finish()
