"""The configuration of a training run."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.directories import RunPaths, paths_in
from metta_jax.config.errors import custom
from metta_jax.config.fields import Count32, PositiveInt, PositiveInt32
from metta_jax.config.learning import (
    AdvantageConfig,
    KickstartConfig,
    LRSchedulerConfig,
    OptimizerConfig,
    PPOConfig,
    PrioritizedExperienceReplayConfig,
    RecurrenceConfig,
    VTraceConfig,
)
from metta_jax.config.running import CheckpointConfig, InitialPolicyConfig, ProfilerConfig, SimulationConfig
from metta_jax.core.frozen_dict import FrozenMapping

TARGET = "metta.rl.trainer.MettaTrainer"


class TrainerConfig(Config, frozen=True):
    """Everything about a training run but the world and the agent.

    The default sizes are MettaGrid's, meant for a large accelerator: a rollout is 8192 rows of 64 agent steps, its
    observations alone take more than 300 MB, and at most 8192 agents can play at once. On a small machine, set
    `batch_size`, `minibatch_size` and `bptt_horizon`.
    """

    total_timesteps: PositiveInt = Field(
        default=50_000_000_000, description="Agent steps of the whole run. Default: chosen without a search."
    )
    ppo: PPOConfig = Field(default_factory=PPOConfig, description="The loss and the advantage.")
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, description="The optimizer.")
    lr_scheduler: LRSchedulerConfig = Field(
        default_factory=LRSchedulerConfig, description="How the learning rate changes. Default: it is constant."
    )
    prioritized_experience_replay: PrioritizedExperienceReplayConfig = Field(
        default_factory=PrioritizedExperienceReplayConfig, description="How rows are drawn. Default: all rows alike."
    )
    vtrace: VTraceConfig = Field(default_factory=VTraceConfig, description="Limits of importance ratios.")
    kickstart: KickstartConfig = Field(
        default_factory=KickstartConfig, description="Learning from trained policies. Default: no teacher."
    )
    initial_policy: InitialPolicyConfig = Field(
        default_factory=InitialPolicyConfig, description="The policy to start from. Default: a new one."
    )
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig, description="What is saved, and when.")
    simulation: SimulationConfig = Field(default_factory=SimulationConfig, description="When the policy is evaluated.")
    profiler: ProfilerConfig = Field(default_factory=ProfilerConfig, description="When an epoch is traced.")
    batch_size: PositiveInt = Field(
        default=524288, description="Agent steps of one rollout. Default: found by a sweep, for a large accelerator."
    )
    minibatch_size: PositiveInt = Field(
        default=16384,
        description="Agent steps of one gradient; divides `batch_size`. Default: found by a sweep, with `batch_size`.",
    )
    gradient_chunk_size: PositiveInt | None = Field(
        default=None,
        description="Agent steps per chunk in which the gradient of a minibatch is computed, to save memory; divides "
        "`minibatch_size`. The gradient is still that of the whole minibatch, at the cost of one more forward pass. "
        "Default: one chunk.",
    )
    acting_chunk_size: PositiveInt | None = Field(
        default=None,
        description="The most agents whose actions are computed at a time, to save memory. Default: all of them.",
    )
    bptt_horizon: PositiveInt = Field(
        default=64,
        description="Steps over which gradients run back through the recurrent state; divides `minibatch_size`. "
        "Default: chosen without a search.",
    )
    update_epochs: PositiveInt32 = Field(
        default=1, description="Passes of an update over its rollout. Default: one, which is enough for a large batch."
    )
    forward_pass_minibatch_target_size: PositiveInt = Field(
        default=4096, description="Used by `calculate_batch_sizes` only. Default: chosen without a search."
    )
    async_factor: PositiveInt = Field(
        default=2, description="Accepted, without effect: environments live on the device."
    )
    num_workers: PositiveInt | None = Field(
        default=1, description="Accepted, without effect: there are no worker processes."
    )
    zero_copy: bool = Field(default=True, description="Accepted, without effect: nothing is copied.")
    require_contiguous_env_ids: bool = Field(
        default=False, description="Must be False, the default. Accepted so that MettaGrid's configurations load."
    )
    cpu_offload: bool = Field(
        default=False, description="Must be False, the default: a rollout stays on the device that trains on it."
    )
    scale_batches_by_world_size: bool = Field(
        default=False,
        description="Whether `batch_size` and `minibatch_size` are divided by the number of devices. Default: they "
        "are for all devices together, so results do not depend on their number, up to rounding.",
    )
    devices: PositiveInt | Literal["all"] | None = Field(
        default=None,
        description="Number of devices to divide the run among; 'all': all that JAX has. Results are those of one "
        "device up to the rounding of sums. Default: one, or all in a run of several processes; on a CPU, the command "
        "line uses one device per core.",
    )
    compile: bool = Field(default=False, description="Accepted, without effect: everything is compiled.")
    compile_mode: Literal["default", "reduce-overhead", "max-autotune"] = Field(
        default="reduce-overhead", description="Accepted, without effect: everything is compiled."
    )
    verbose: bool = Field(default=True, description="Whether progress is printed.")
    env: str | None = Field(
        default=None,
        description="Path of the world to train on, if no curriculum is given. Default: none.",
    )
    curriculum: str | None = Field(
        default="/env/mettagrid/curriculum/simple",
        description="Path of the curriculum, or of a world; takes precedence over `env`. `train` looks here if no "
        "world is named elsewhere, and falls back to `default`. Default: a simple curriculum for first experiments, "
        "or none if `env` is given.",
    )
    env_overrides: FrozenMapping[str, Any] = Field(
        default=FrozenDict(),
        description="Accepted in a configuration; `train` refuses any: make a world of your own. Default: none.",
    )
    grad_mean_variance_interval: Count32 = Field(
        default=0, description="Epochs from one set of gradient statistics to the next. 0: never. Default: off."
    )
    target: str = Field(
        default=TARGET,
        alias="_target_",
        description="Must be the default. Accepted so that MettaGrid's configurations load.",
    )
    run_dir: str = Field(
        default="./train_dir", description="Where the run's files go. Default: a directory below the current one."
    )
    recurrence: RecurrenceConfig = Field(
        default_factory=RecurrenceConfig, description="What happens to the recurrent state."
    )
    advantage: AdvantageConfig = Field(
        default_factory=AdvantageConfig, description="What the advantage knows about the end of a row or an episode."
    )
    minibatch_rows: Literal["drawn", "shuffled"] = Field(
        default="drawn",
        description="How the minibatches of an epoch get their rows. drawn: independently, so that with many "
        "minibatches about 37 % of the rows are never drawn; shuffled: every row is in exactly one. Default: drawn, "
        "which `prio_alpha` needs.",
    )
    row_groups: PositiveInt = Field(
        default=1,
        description="Number of groups of consecutive rows; a minibatch takes equally many rows from each. If it is a "
        "multiple of the number of devices, devices exchange no rows, and results still do not depend on their number. "
        "Default: one group, of all rows.",
    )
    value_write_back: bool = Field(
        default=False,
        description="Whether new values of sampled rows replace the old ones for later minibatches. Default: no, so "
        "that targets stay fixed; MettaGrid's trainer did replace them.",
    )

    @model_validator(mode="before")
    @classmethod
    def _let_env_stand_alone(cls, data: Any) -> Any:
        # Otherwise the default curriculum would silently override the requested world.
        if isinstance(data, dict) and data.get("env") is not None and "curriculum" not in data:
            return {**data, "curriculum": None}
        return data

    @property
    def curriculum_or_env(self) -> str:
        """The path of what is trained on: the curriculum if there is one, else the world."""
        path = self.curriculum or self.env
        assert path is not None  # _check has seen to it.
        return path

    @property
    def paths(self) -> RunPaths:
        """The directories in use: those given, else directories in `run_dir`. They need not exist."""
        return paths_in(
            self.run_dir, self.checkpoint.checkpoint_dir, self.simulation.replay_dir, self.profiler.profile_dir
        )

    @field_validator("require_contiguous_env_ids", mode="after")
    @classmethod
    def _check_contiguous(cls, value: bool) -> bool:
        if value:
            raise custom("require_contiguous_env_ids is not supported")
        return value

    @field_validator("cpu_offload", mode="after")
    @classmethod
    def _check_offload(cls, value: bool) -> bool:
        if value:
            raise custom(
                "cpu_offload: True is not supported: a rollout stays on the device that trains on it; "
                "gradient_chunk_size saves more memory"
            )
        return value

    @field_validator("target", mode="after")
    @classmethod
    def _check_target(cls, value: str) -> str:
        if value != TARGET:
            raise custom(f"Unsupported trainer config: {value}")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.minibatch_size > self.batch_size:
            raise custom("minibatch_size must be <= batch_size")
        if self.batch_size % self.minibatch_size:
            raise custom("batch_size must be divisible by minibatch_size")
        if self.minibatch_size % self.bptt_horizon:
            raise custom(f"minibatch_size {self.minibatch_size} must be divisible by bptt_horizon {self.bptt_horizon}")
        chunk = self.gradient_chunk_size
        if chunk is not None and (self.minibatch_size % chunk or chunk % self.bptt_horizon):
            raise custom(
                f"gradient_chunk_size {chunk} must divide minibatch_size {self.minibatch_size} and be divisible by "
                f"bptt_horizon {self.bptt_horizon}"
            )
        rows = self.minibatch_size // self.bptt_horizon
        if rows % self.row_groups:
            raise custom(
                f"row_groups: {self.row_groups} does not divide the {rows} rows of a minibatch (minibatch_size "
                f"{self.minibatch_size} // bptt_horizon {self.bptt_horizon}), and each group gives as many"
            )
        prio_alpha = self.prioritized_experience_replay.prio_alpha
        if self.minibatch_rows == "shuffled" and prio_alpha > 0:
            raise custom(
                "minibatch_rows: 'shuffled' takes every row once, which leaves "
                f"prioritized_experience_replay.prio_alpha {prio_alpha} nothing to choose; set it to 0"
            )
        if not self.curriculum and not self.env:
            raise custom("curriculum or env must be set")
        evaluate, checkpoint = self.simulation.evaluate_interval, self.checkpoint.checkpoint_interval
        if 0 < evaluate < checkpoint:
            raise custom(
                f"evaluate_interval must be at least as large as checkpoint_interval ({evaluate} < {checkpoint})"
            )
        return self
