"""The configuration of a policy store."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from metta_jax.config.base import Config
from metta_jax.config.errors import custom
from metta_jax.config.trainer import TrainerConfig

_WITHOUT_EFFECT = ("run", "run_dir")


class PolicyStoreConfig(Config, frozen=True):
    """Where policies are stored, and how many stay in memory.

    Made from a directory, from the fields, or from MettaGrid's form
    {"device": ..., "policy_cache_size": ..., "trainer": {"checkpoint": {"checkpoint_dir": ...}}}.
    """

    checkpoint_dir: str = Field(
        default="./train_dir/checkpoints",
        description="Directory of the policies. Default: that of a trainer without directories.",
    )
    policy_cache_size: int = Field(default=10, description="Policies kept in memory, at least 1.")
    device: str | None = Field(
        default=None, description="Kind of device that policies are loaded to. Default: what JAX finds."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_all_forms(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"checkpoint_dir": data}
        if not isinstance(data, dict):
            return data
        fields = {key: value for key, value in data.items() if key not in _WITHOUT_EFFECT}
        trainer = fields.pop("trainer", None)
        if isinstance(trainer, TrainerConfig):
            fields["checkpoint_dir"] = trainer.paths.checkpoints
        elif isinstance(trainer, Mapping):
            checkpoint = trainer.get("checkpoint")
            if not isinstance(checkpoint, Mapping) or "checkpoint_dir" not in checkpoint:
                raise custom("trainer.checkpoint.checkpoint_dir: Field required", "missing")
            fields["checkpoint_dir"] = checkpoint["checkpoint_dir"]
        elif trainer is not None:
            raise custom(f"trainer: {trainer!r} is not a mapping")
        return fields

    @field_validator("policy_cache_size", mode="after")
    @classmethod
    def _check_size(cls, value: int) -> int:
        if value < 1:
            raise custom("Cache size must be positive")
        return value
