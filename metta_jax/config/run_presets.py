"""Named settings of a run: sizes that fit a machine, and hyperparameters that learn well with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from metta_jax.config.base import FrozenDict


@dataclass(frozen=True)
class RunPreset:
    """The settings of a run that are not given otherwise.

    num_agents: of all environments together; decides the number of environments, at least one.
    num_minibatches: of a batch, which is a row of `bptt_horizon` steps for each agent; fewer if it cannot be divided.
    trainer: other fields of a TrainerConfig, nested ones as mappings.
    """

    description: str
    num_agents: int
    num_minibatches: int
    bptt_horizon: int = 64
    trainer: Mapping[str, Any] = FrozenDict()


RUN_PRESETS: Mapping[str, RunPreset] = MappingProxyType(
    {
        "laptop": RunPreset(
            "minutes on two cores: many small gradients, and a high learning rate that falls to 0",
            num_agents=256,
            num_minibatches=32,
            trainer=FrozenDict(
                {
                    "ppo": {"clip_coef": 0.2, "ent_coef": 0.002, "gamma": 0.99, "gae_lambda": 0.95},
                    "optimizer": {"type": "adam", "learning_rate": 2e-3},
                    "lr_scheduler": {"enabled": True, "schedule_type": "linear"},
                }
            ),
        ),
        "gpu": RunPreset(
            "one GPU: batches that keep it busy; everything else as in the classes", num_agents=2048, num_minibatches=32
        ),
        "original": RunPreset(
            "the original's sizes, for a large accelerator; everything else as in the classes",
            num_agents=8192,
            num_minibatches=32,
        ),
    }
)
"""`laptop` has the settings of `make demo`; `gpu` has the sizes of the learning case of benchmarks/accelerator.py."""


def run_preset(name: str) -> RunPreset:
    """The preset of that name. Raises a ValueError that lists the others."""
    try:
        return RUN_PRESETS[name]
    except KeyError:
        raise ValueError(f"preset: there is no {name!r}; there are {', '.join(RUN_PRESETS)}") from None
