"""Ready-made trainer configurations, and those of programs written for MettaGrid."""

from collections.abc import Mapping
from typing import Any

from metta_jax.config.base import deep_merge
from metta_jax.config.trainer import TrainerConfig


def create_default_trainer_config(
    num_workers: int = 1,
    total_timesteps: int = 10_000_000,
    batch_size: int = 8192,
    minibatch_size: int = 512,
    checkpoint_dir: str = "./checkpoints",
    **overrides: Any,
) -> TrainerConfig:
    """A configuration of moderate size on the world `simple`, with `overrides` merged over it at every depth.

    `create_default_trainer_config(ppo={"clip_coef": 0.2})` keeps all other defaults of `ppo`.
    Raises a ConfigError that names the full path of what is unknown or out of range: `ppo.clipcoef: ...`.
    """
    defaults: dict[str, Any] = {
        "num_workers": num_workers,
        "total_timesteps": total_timesteps,
        "batch_size": batch_size,
        "minibatch_size": minibatch_size,
        "checkpoint": {"checkpoint_dir": checkpoint_dir},
        "simulation": {"replay_dir": "./replays"},
    }
    if overrides.get("env") is None:
        defaults["curriculum"] = "/env/mettagrid/simple"
    return TrainerConfig.model_validate(deep_merge(defaults, overrides))


def create_trainer_config(cfg: Mapping[str, Any]) -> TrainerConfig:
    """The trainer configuration within a program's whole configuration, as MettaGrid reads it.

    Args:
      cfg: needs `trainer` (mapping or TrainerConfig), `run` and `run_dir`. Directories that `trainer` does not give
        lie in `run_dir`. `vectorization: "serial"` forces async_factor 1 and zero_copy False. Other keys are the
        business of other parts of the program. Not modified.

    Raises:
      ValueError: "cfg must have a '<key>' field", or what TrainerConfig refuses.
    """
    for key in ("trainer", "run", "run_dir"):
        if key not in cfg:
            raise ValueError(f"cfg must have a '{key}' field")
    config = TrainerConfig.model_validate(cfg["trainer"]).replace(run_dir=cfg["run_dir"])
    changes: dict[str, Any] = {
        "checkpoint": {"checkpoint_dir": config.paths.checkpoints},
        "simulation": {"replay_dir": config.paths.replays},
        "profiler": {"profile_dir": config.paths.profiles},
    }
    if cfg.get("vectorization") == "serial":
        changes |= {"async_factor": 1, "zero_copy": False}
    return config.replace(changes)


parse_trainer_config = create_trainer_config  # Its name in the version that the guide describes.
