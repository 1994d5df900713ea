"""The kinds of curricula, as configurations. `build_curriculum` makes one of them into a `Curriculum`.

`tasks` are names: of worlds, of other curricula, or of what the library at hand knows. A template is such a name, or an
`EnvConfig`. Host code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from metta_jax.config import EnvConfig, FrozenDict
from metta_jax.config.base import Config
from metta_jax.config.errors import Problem, custom, problems_error
from metta_jax.config.fields import NonNegativeFloat, PositiveFloat, PositiveInt, Share, within
from metta_jax.core.frozen_dict import FrozenMapping


def _given(value: FrozenMapping[str, Any]) -> FrozenMapping[str, Any]:
    if not value:
        raise custom("a curriculum needs at least one", "empty")
    return value


def _weighted(value: Any) -> Any:
    """Names in a list weigh 1 each."""
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value, 1.0)
    return value


Tasks: TypeAlias = Annotated[FrozenMapping[str, NonNegativeFloat], BeforeValidator(_weighted), AfterValidator(_given)]
Template: TypeAlias = str | EnvConfig
Values: TypeAlias = FrozenMapping[str, Any]
RANGE_KEYS = ("range", "bins")


class Kind(Config, frozen=True):
    """What all kinds have."""

    env_overrides: Values = Field(
        default=FrozenDict(),
        description="Dotted path -> value, or nested mappings: what is changed about every task. Default: nothing.",
    )
    num_variants: PositiveInt = Field(
        default=4,
        description="How often the sampled numbers of a task are drawn when the curriculum is built; each episode "
        "takes one of the draws. Tasks without sampled numbers have one. Default: little memory.",
    )


class SingleTask(Kind, frozen=True):
    """Always the same task."""

    kind: Literal["single_task"] = "single_task"
    task: Template = Field(description="The world.")
    num_variants: PositiveInt = Field(default=16, description="See above. Default: a fair choice in little memory.")


class Sampling(Kind, frozen=True):
    """One world whose sampled numbers are redrawn for each episode, from `num_variants` draws."""

    kind: Literal["sampling"] = "sampling"
    template: Template = Field(description="The world.")
    sampling: Share | None = Field(
        default=None, description="How far numbers move from their centers. Default None: as the world says."
    )
    num_variants: PositiveInt = Field(default=16, description="See above. Default: a fair choice in little memory.")


class SampledTask(Kind, frozen=True):
    """One world, some of whose values are drawn uniformly for each episode, among `num_variants` draws."""

    kind: Literal["sampled_task"] = "sampled_task"
    template: Template = Field(description="The world.")
    parameters: Values = Field(
        description='Dotted path -> a value, or {"range": [lo, hi]}: uniform, cut to an int if both bounds are ints.'
    )
    num_variants: PositiveInt = Field(default=16, description="See above. Default: a fair choice in little memory.")

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        problems = [problem for key, value in self.parameters.items() for problem in _range_problems(key, value)]
        if problems:
            raise problems_error(type(self).__name__, [p._replace(path=("parameters", *p.path)) for p in problems])
        return self


class Random(Kind, frozen=True):
    """Tasks by weight."""

    kind: Literal["random"] = "random"
    tasks: Tasks = Field(description="Name -> weight, or a list of names.")


class PrioritizeRegressed(Kind, frozen=True):
    """See `PrioritizeRegressedRule`."""

    kind: Literal["prioritize_regressed"] = "prioritize_regressed"
    tasks: Tasks = Field(description="Name -> weight before the first episode ends.")
    moving_avg_decay_rate: Share = Field(default=0.01, description="Of the average score. Default: the original's.")
    explore: Share = Field(
        default=0.25,
        description="Share of the episodes that are drawn from the weights of `tasks`, regardless of scores. Default: "
        "as in learning progress; with the original's, 0, the first task that scores is played, and hardly any other.",
    )


class Progress(Kind, frozen=True):
    """The parameters of `LearningProgressRule`."""

    ema_timescale: Share = Field(default=0.001, description="Step of the moving averages. Default: the original's.")
    progress_smoothing: Share = Field(default=0.05, description="Stretches small rates. Default: the original's.")
    num_active_tasks: PositiveInt = Field(default=16, description="Draws of an active set. Default: the original's.")
    rand_task_rate: Share = Field(default=0.25, description="Share of uniform draws. Default: the original's.")
    sample_threshold: PositiveInt = Field(
        default=10,
        description="New outcomes of an active task that make a new distribution due. Default: the original's.",
    )
    memory: PositiveInt = Field(default=25, description="Outcomes that are remembered. Default: the original's.")
    explore_in_sampling: bool = Field(
        default=True,
        description="Whether episodes are drawn uniformly at that rate too. Default: yes, so that no task is lost for "
        "ever; the original: no.",
    )


class LearningProgress(Progress, frozen=True):
    """See `LearningProgressRule`."""

    kind: Literal["learning_progress"] = "learning_progress"
    tasks: Tasks = Field(description="Name -> weight before the first episode ends.")


class Bucketed(Progress, frozen=True):
    """One task for each cell of the product of the buckets; learns as LearningProgress."""

    kind: Literal["bucketed"] = "bucketed"
    env_cfg_template_path: Template = Field(description="The world.")
    buckets: Annotated[FrozenMapping[str, Values], AfterValidator(_given)] = Field(
        description='Dotted path -> {"values": [...]} or {"range": [lo, hi], "bins": n}.'
    )
    default_bins: PositiveInt = Field(default=1, description="Bins of ranges that do not say. Default: one.")

    @model_validator(mode="after")
    def _check_buckets(self) -> Self:
        problems = [p for key, bucket in self.buckets.items() for p in _bucket_problems(key, bucket)]
        if problems:
            raise problems_error(type(self).__name__, [p._replace(path=("buckets", *p.path)) for p in problems])
        return self


class Progressive(Kind, frozen=True):
    """One world that grows: a score above 0.5 doubles width and height of its map builder."""

    kind: Literal["progressive"] = "progressive"
    template: Template = Field(description="The world.")
    width: PositiveInt = Field(default=10, description="First width. Default: the original's.")
    height: PositiveInt = Field(default=10, description="First height. Default: the original's.")
    largest: PositiveInt = Field(default=100, description="No side grows beyond it. Default: the original's.")


class ProgressiveMultiTask(Kind, frozen=True):
    """See `BlendRule`. The weights of `tasks` do not count, their order does."""

    kind: Literal["progressive_multi_task"] = "progressive_multi_task"
    tasks: Tasks = Field(description="Names, easiest first.")
    performance_threshold: float = Field(default=0.8, description="Score that is good enough. Default: the original's.")
    smoothing: Share = Field(default=0.1, description="Weight of a new score. Default: the original's.")
    progression_rate: Annotated[float, within(0, 1)] = Field(
        default=0.01,
        description="Progress per completion of the task that the blend is centered on. Default: the original's.",
    )
    progression_mode: str = Field(default="perf", description="'perf' or 'time'. Default: the original's.")
    blending_smoothness: PositiveFloat = Field(default=0.5, description="Width of the blend. Default: the original's.")
    blending_mode: str = Field(default="logistic", description="'logistic' or 'linear'. Default: the original's.")

    @model_validator(mode="after")
    def _check_modes(self) -> Self:
        if self.progression_mode not in ("time", "perf"):
            raise custom(f"progression_mode must be either 'time' or 'perf', not {self.progression_mode!r}")
        if self.blending_mode not in ("logistic", "linear"):
            raise custom(f"blending_mode must be either 'logistic' or 'linear', not {self.blending_mode!r}")
        return self


AnyKind: TypeAlias = (
    SingleTask
    | Sampling
    | SampledTask
    | Random
    | PrioritizeRegressed
    | LearningProgress
    | Bucketed
    | Progressive
    | ProgressiveMultiTask
)

KINDS: Mapping[str, type[Kind]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        SingleTask,
        Sampling,
        SampledTask,
        Random,
        PrioritizeRegressed,
        LearningProgress,
        Bucketed,
        Progressive,
        ProgressiveMultiTask,
    )
}
KIND_KEYS = ("kind", "_target_")
_OTHER_NAMES = {"low_reward": "prioritize_regressed"}  # the original's first name of it


def is_curriculum(values: Mapping[str, Any]) -> bool:
    """Whether a mapping means to be a curriculum: it has a `kind`, or the original's class of one as `_target_`."""
    return "kind" in values or str(values.get("_target_", "")).endswith("Curriculum")


def read_kind(values: Mapping[str, Any]) -> AnyKind:
    """A mapping as a configuration; `kind` is a name such as "learning_progress" or "LearningProgress".

    Instead of it `_target_` may be the path of the original's class, "metta....LearningProgressCurriculum".

    Raises:
      ValueError: no such kind, two of them, or what the configuration refuses.
    """
    given = {key: values[key] for key in KIND_KEYS if key in values}
    if not given:
        raise ValueError(f"kind: missing; it is one of {', '.join(KINDS)}")
    if len(given) > 1:
        raise ValueError(f"_target_: {given['_target_']!r} is given next to kind: {given['kind']!r}; give one of them")
    ((key, written),) = given.items()
    title = str(written) if key == "kind" else str(written).rpartition(".")[2].removesuffix("Curriculum")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in title).strip("_")
    name = _OTHER_NAMES.get(name, name)
    if name not in KINDS:
        raise ValueError(f"{key}: {written!r} is not one of {', '.join(KINDS)}")
    fields = {field: value for field, value in values.items() if field not in KIND_KEYS}
    return KINDS[name].model_validate({**fields, "kind": name})  # pyright: ignore[reportReturnType]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range_problems(key: str, value: Any) -> list[Problem]:
    if not isinstance(value, Mapping):
        return []
    bounds = value.get("range")
    if unknown := [k for k in value if k not in RANGE_KEYS]:
        return [Problem((key, unknown[0]), "unknown; a range has range and bins", value[unknown[0]])]
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not all(map(_is_number, bounds)):
        return [Problem((key, "range"), f"{bounds!r} is not a pair of numbers", bounds)]
    if not bounds[0] <= bounds[1]:
        return [Problem((key, "range"), f"{bounds[0]} is more than {bounds[1]}", bounds)]
    bins = value.get("bins", 1)
    if not isinstance(bins, int) or isinstance(bins, bool) or bins < 1:
        return [Problem((key, "bins"), f"{bins!r} is not a positive integer", bins)]
    return []


def _bucket_problems(key: str, bucket: Mapping[str, Any]) -> list[Problem]:
    if "values" not in bucket:
        return _range_problems(key, bucket)
    values = bucket["values"]
    if len(bucket) > 1:
        return [Problem((key,), "has values and something else; a bucket has values, or range and bins", bucket)]
    if not isinstance(values, tuple) or not values:
        return [Problem((key, "values"), f"{values!r} is not a list of at least one value", values)]
    return []
