"""How a policy learns: loss, optimizer, schedules, sampling, teachers."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from metta_jax.config.base import Config
from metta_jax.config.errors import Problem, problems_error
from metta_jax.config.fields import (
    Bounds,
    Coefficient,
    Count32,
    Decay,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Share,
    as_tuple,
    within,
)


class OptimizerConfig(Config, frozen=True):
    """The optimizer."""

    type: Literal["adam", "muon"] = Field(
        default="adam",
        description="'adam', or 'muon': orthogonalized momentum for matrices, which moves them as far as "
        "adam does at the same rate.",
    )
    learning_rate: Annotated[float, Bounds(above=0, at_most=1)] = Field(
        default=0.0004573146765703167,
        description="Step size at the start of the schedule. Default: found by a hyperparameter sweep.",
    )
    beta1: Decay = Field(default=0.9, description="Decay of the mean gradient. Default: the Adam paper.")
    beta2: Decay = Field(default=0.999, description="Decay of the mean squared gradient. Default: the Adam paper.")
    eps: Annotated[float, Bounds(above=0), within(1e-18, 1)] = Field(
        default=1e-12,
        description="Added to the root of the mean squared gradient; at least 1e-18, since smaller gradients have a "
        "square of 0. Default: chosen without a search.",
    )
    weight_decay: Annotated[float, within(0, 2)] = Field(
        default=0.0,
        description="Pull of the weights to zero: added to the gradient with adam, decoupled from it with muon. More "
        "than 2 would make weights grow with muon at a learning rate of 1. Default: off.",
    )


class LRSchedulerConfig(Config, frozen=True):
    """How the learning rate changes over a run. The other options are refused unless `enabled` is True."""

    enabled: bool = Field(default=False, description="Whether it changes at all. Default: no, the rate is constant.")
    anneal_lr: bool = Field(default=False, description="Makes `schedule_type` None mean linear. Default: off.")
    warmup_steps: Count32 | None = Field(
        default=None, description="Rollouts in which the rate first rises linearly. Default: no warm-up."
    )
    schedule_type: Literal["constant", "linear", "cosine", "exponential"] | None = Field(
        default=None,
        description="Shape of the decay: none (constant, for a warm-up alone), to 0 (linear, cosine) or to a hundredth "
        "(exponential). Default None: cosine, the only shape that MettaGrid's trainer has.",
    )

    @model_validator(mode="after")
    def _check_enabled(self) -> Self:
        without_effect = {"anneal_lr": (False,), "warmup_steps": (None, 0), "schedule_type": (None, "constant")}
        values = {name: getattr(self, name) for name in without_effect}
        problems = [
            Problem((name,), f"{value!r} has no effect while enabled is False; set enabled too", value)
            for name, value in values.items()
            if not self.enabled and value not in without_effect[name]
        ]
        if problems:
            raise problems_error(type(self).__name__, problems)
        return self


class PrioritizedExperienceReplayConfig(Config, frozen=True):
    """Which rows of a rollout are drawn for minibatches."""

    prio_alpha: Share = Field(
        default=0.0, description="How much large advantages are preferred. Default 0: all rows alike."
    )
    prio_beta0: Share = Field(
        default=0.6,
        description="How much the preference is corrected for at the start. Default: the prioritized replay paper.",
    )


class VTraceConfig(Config, frozen=True):
    """Limits of the importance ratios in the advantage."""

    vtrace_rho_clip: PositiveFloat = Field(
        default=1.0, description="Limit of the ratio that weights a step's error. Default: the IMPALA paper."
    )
    vtrace_c_clip: PositiveFloat = Field(
        default=1.0, description="Limit of the ratio that carries errors back. Default: the IMPALA paper."
    )


class PPOConfig(Config, frozen=True):
    """The PPO loss and the advantage it uses."""

    clip_coef: Annotated[float, Bounds(above=0, at_most=1)] = Field(
        default=0.1,
        description="How far the probability ratio may move from 1 in one update. Default: the PPO paper, its "
        "conservative value.",
    )
    ent_coef: Coefficient = Field(
        default=0.0021, description="Weight of the entropy bonus. Default: found by a hyperparameter sweep."
    )
    gae_lambda: Share = Field(
        default=0.916,
        description="Decay of errors in the advantage, on top of gamma. Default: found by a hyperparameter sweep.",
    )
    gamma: Share = Field(
        default=0.977, description="Discount of a reward one step later. Default: found by a hyperparameter sweep."
    )
    max_grad_norm: PositiveFloat = Field(
        default=0.5, description="Longest gradient; longer ones are scaled down. Default: usual with PPO."
    )
    vf_clip_coef: NonNegativeFloat = Field(
        default=0.1, description="How far a value may move in one update. Default: the same as `clip_coef`."
    )
    vf_coef: Coefficient = Field(
        default=0.44, description="Weight of the value loss. Default: found by a hyperparameter sweep."
    )
    l2_reg_loss_coef: Coefficient = Field(
        default=0.0, description="Weight of the squared weights in the loss. Default: off."
    )
    l2_init_loss_coef: Coefficient = Field(
        default=0.0, description="Weight of the squared distance to the reference weights in the loss. Default: off."
    )
    norm_adv: bool = Field(
        default=True, description="Whether advantages are normalized in each minibatch. Default: usual with PPO."
    )
    clip_vloss: bool = Field(
        default=True, description="Whether the value loss is clipped by `vf_clip_coef`. Default: usual with PPO."
    )
    target_kl: PositiveFloat | None = Field(
        default=None, description="Ends the epochs of an update once the policy has moved that far. Default: never."
    )


class KickstartTeacherConfig(Config, frozen=True):
    """One more teacher."""

    teacher_uri: str = Field(description="Where the teacher's policy is stored.")
    action_loss_coef: Coefficient = Field(
        default=1.0, description="Weight of learning its actions. Default: as for the single teacher."
    )
    value_loss_coef: Coefficient = Field(
        default=1.0, description="Weight of learning its values. Default: as for the single teacher."
    )


class KickstartConfig(Config, frozen=True):
    """Learning from trained policies at the start of a run."""

    teacher_uri: str | None = Field(default=None, description="Where the teacher's policy is stored. Default: none.")
    action_loss_coef: Coefficient = Field(
        default=1.0, description="Weight of learning the teacher's actions. Default: chosen without a search."
    )
    value_loss_coef: Coefficient = Field(
        default=1.0, description="Weight of learning the teacher's values. Default: chosen without a search."
    )
    anneal_ratio: Share = Field(
        default=0.65,
        description="Share of `kickstart_steps`, at their end, in which both weights go down to 0. Default: chosen "
        "without a search.",
    )
    kickstart_steps: PositiveInt = Field(
        default=1_000_000_000, description="Agent steps with teachers. Default: chosen without a search."
    )
    additional_teachers: Annotated[tuple[KickstartTeacherConfig, ...], BeforeValidator(as_tuple)] | None = Field(
        default=None, description="More teachers, each with its own weights. Default: none."
    )


class RecurrenceConfig(Config, frozen=True):
    """What happens to the recurrent state."""

    reset_at_episode_end: bool = Field(
        default=True,
        description="Whether it is cleared when an episode ends. Default: yes; MettaGrid's trainer never clears it.",
    )
    initial_state: Literal["stored", "zero"] = Field(
        default="stored",
        description="What a row starts from in training: the state that the rollout had ('stored', default: the first "
        "update then sees the very policy that acted), or zeros ('zero', as in MettaGrid's trainer).",
    )


class AdvantageConfig(Config, frozen=True):
    """Which estimator makes advantages, and what it knows about the end of a row or an episode."""

    estimator: Literal["importance_clipped", "gae", "vtrace"] = Field(
        default="importance_clipped",
        description="importance_clipped: GAE whose steps and trace are weighted by clipped ratios; gae: generalized "
        "advantage estimation; vtrace: IMPALA's policy-gradient advantage, with r + gamma vs[t+1] as the value target, "
        "which equals IMPALA's vs[t] if `gae_lambda` is 1. Default: the first, as in MettaGrid's trainer.",
    )
    bootstrap_last: bool = Field(
        default=True,
        description="Whether the last step of a row uses the value of the step after it. Default: yes; "
        "MettaGrid's trainer gives it advantage 0.",
    )
    bootstrap_truncated: bool = Field(
        default=True,
        description="Whether a step that was cut off by truncation adds the value of its final observation. Default: "
        "yes; MettaGrid's trainer lets the advantage run on into the next episode.",
    )
