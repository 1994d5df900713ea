"""The kinds, switches and sizes of a training run: another value of any of them recompiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from metta_jax.config.learning import AdvantageConfig, RecurrenceConfig
from metta_jax.rl.schedules import Schedule, schedule_name


@dataclass(frozen=True)
class TrainingOptions:
    """What a TrainerConfig says that is not a number. Its fields of the same names say what they are."""

    optimizer: Literal["adam", "muon"]
    schedule: Schedule
    clip_vloss: bool
    norm_adv: bool
    update_epochs: int
    minibatch_rows: Literal["drawn", "shuffled"]
    value_write_back: bool
    recurrence: RecurrenceConfig
    advantage: AdvantageConfig


def create_options(config: Any) -> TrainingOptions:
    """The options of a TrainerConfig."""
    return TrainingOptions(
        optimizer=config.optimizer.type,
        schedule=schedule_name(config.lr_scheduler),
        clip_vloss=config.ppo.clip_vloss,
        norm_adv=config.ppo.norm_adv,
        update_epochs=config.update_epochs,
        minibatch_rows=config.minibatch_rows,
        value_write_back=config.value_write_back,
        recurrence=config.recurrence,
        advantage=config.advantage,
    )
