"""What a training run does apart from learning: where it starts, what it saves, when it evaluates and profiles."""

from typing import Any, Literal

from pydantic import Field

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.fields import Count, PositiveInt
from metta_jax.core.frozen_dict import FrozenMapping


class InitialPolicyConfig(Config, frozen=True):
    """The policy a run starts from, if it does not continue an earlier one."""

    uri: str | None = Field(
        default=None, description="A stored policy, or a directory of them. Default: a new policy is made."
    )
    type: Literal["top", "latest", "specific"] = Field(
        default="top",
        description="Which one: the best by `metric`, the newest, or the one that the uri names. Default: the best.",
    )
    range: PositiveInt = Field(default=1, description="Number of candidates. Default: only the first.")
    metric: str = Field(default="epoch", description="What 'top' compares. Default: how far training has come.")
    filters: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Metadata values that candidates must have. Default: all are candidates."
    )


class CheckpointConfig(Config, frozen=True):
    """How often the policy and the training state are saved, and where."""

    checkpoint_interval: PositiveInt = Field(
        default=60,
        description="Epochs between checkpoints. Default: trades lost work after a crash against disk traffic.",
    )
    wandb_checkpoint_interval: Count = Field(
        default=300, description="Accepted, without effect: nothing is uploaded. 0: off."
    )
    checkpoint_dir: str = Field(
        default="", description="Where checkpoints go. Default: `checkpoints` in the run's directory."
    )


class SimulationConfig(Config, frozen=True):
    """How often a run is evaluated and replays are written."""

    evaluate_interval: Count = Field(
        default=300, description="Epochs between evaluations. 0: never. Default: chosen without a search."
    )
    replay_interval: Count = Field(
        default=300, description="Epochs between replays. 0: never. Default: as often as evaluations."
    )
    replay_dir: str = Field(default="", description="Where replays go. Default: `replays` in the run's directory.")


class ProfilerConfig(Config, frozen=True):
    """How often an epoch is traced by jax.profiler."""

    interval_epochs: Count = Field(
        default=10000, description="Epochs between traces. 0: never. Default: rare, because a traced epoch is slow."
    )
    profile_dir: str = Field(default="", description="Where traces go. Default: `profiles` in the run's directory.")

    @property
    def enabled(self) -> bool:
        """Whether anything is traced."""
        return self.interval_epochs > 0


TorchProfilerConfig = ProfilerConfig  # The name in programs written for MettaGrid.
