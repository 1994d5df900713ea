"""The search space: what all trials share, and the fields that differ, with their possible values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from metta_jax.config import AgentConfig, Config, FrozenDict
from metta_jax.config.base import deep_merge
from metta_jax.config.errors import Problem, custom, problems_error
from metta_jax.config.fields import Bounds, Count, as_tuple
from metta_jax.config.yaml_file import read_plain_file
from metta_jax.core.frozen_dict import FrozenMapping, thaw
from metta_jax.monitor import RunConfig
from metta_jax.sweep.fields import RunField, find_field
from metta_jax.trainer import make_run
from metta_jax.trainer.train import named_world

Value: TypeAlias = bool | int | float | str | None

_OFF = {"simulation": {"evaluate_interval": 0, "replay_interval": 0}}  # of a trial, unless the space says otherwise


class Domain(Config, frozen=True):
    """The values of one field: from `low` to `high`, or one of `choices`. In a file, a list stands for choices."""

    low: int | float | None = Field(default=None, description="The smallest value.")
    high: int | float | None = Field(default=None, description="The largest value, included.")
    log: bool = Field(default=False, description="Whether to draw on a logarithmic scale. Default: no.")
    step: int | float | None = Field(
        default=None, description="Distance between values, starting at `low`. Default: 1 for an int, none for a float."
    )
    choices: Annotated[tuple[Value, ...], BeforeValidator(as_tuple)] | None = Field(
        default=None, description="All values, instead of a range."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_a_list(cls, data: Any) -> Any:
        return {"choices": data} if isinstance(data, list | tuple) else data

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high, step = self.low, self.high, self.step
        if self.choices is not None:
            if (low, high, step) != (None, None, None) or self.log:
                raise custom("is both a range and choices; give low and high, or choices")
            if not self.choices:
                raise custom("has no choices")
            if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
                raise custom(f"has a choice twice: {list(self.choices)}")
            return self
        if low is None or high is None:
            raise custom("is neither a range {low: ..., high: ...} nor a list of choices")
        if not low < high:
            raise custom(f"low {low} is not below high {high}")
        if self.log and low <= 0:
            raise custom(f"low {low} is not above 0, as `log` needs")
        if step is not None and (self.log or step <= 0 or step > high - low):
            raise custom(f"step {step} is not in 0..{high - low}, without `log`")
        return self

    @property
    def ends(self) -> tuple[Value, Value]:
        """The first and the last value."""
        return (self.low, self.high) if self.choices is None else (self.choices[0], self.choices[-1])


class SweepSpace(Config, frozen=True):
    """A sweep, apart from the number of its trials.

    `fields` uses the paths of `metta-jax train --set`, such as `optimizer.learning_rate`; `environment.num_envs`,
    `agent` and `seed` are fields too.
    """

    world: str | None = Field(default=None, description="Name or file of a world or a curriculum. Default: `default`.")
    trainer: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Fields of TrainerConfig that all trials share. Default: none."
    )
    environment: FrozenMapping[str, Any] = Field(
        default=FrozenDict(), description="Arguments of `Environment` that all trials share. Default: none."
    )
    agent: str | FrozenMapping[str, Any] = Field(
        default="fast", description="A preset, or the fields of an AgentConfig. Default: the fast one."
    )
    seed: Count = Field(default=0, description="Of every run, and of the search itself. Default: 0.")
    fields: FrozenMapping[str, Domain] = Field(description="What differs between trials, by the path of the field.")
    metric: str = Field(
        default="overview/reward", description="A metric of the run. Default: mean reward of a full episode."
    )
    direction: Literal["maximize", "minimize"] = Field(default="maximize", description="What is better. Default: more.")
    sampler: Literal["tpe", "random"] = Field(
        default="tpe", description="How values are drawn: near good earlier ones (tpe), or at random. Default: tpe."
    )
    pruner: Literal["median", "successive_halving", "none"] = Field(
        default="median",
        description="Which trials end early: those below the median of the others at the same point, all but the best "
        "half of those that got as far, or none. Default: median.",
    )
    parts: Annotated[int, Bounds(at_least=1, at_most=1000)] = Field(
        default=10,
        description="Number of equal parts of a run. The score is the mean of the metric over the last part; a trial "
        "may be pruned after any other. Default: 10.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.fields:
            raise problems_error("SweepSpace", [Problem(("fields",), "is empty: there is nothing to search")])
        problems = [problem for path, domain in self.fields.items() for problem in _problems(path, domain)]
        for argument in self.environment:
            try:
                find_field(f"environment.{argument}")
            except ValueError as error:
                problems.append(Problem(("environment", argument), str(error)))
        if problems:
            raise problems_error("SweepSpace", problems)
        return self


def read_space(path: str | Path, *, world: str | None = None) -> SweepSpace:
    """The space in a YAML or JSON file.

    Args:
      path: of the file. world: instead of the one that the file names.

    Raises:
      OSError: there is no such file.
      ValueError: names the file, the field, and what would be right.
    """
    data = read_plain_file(path)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: is not a mapping of names")
    try:
        space = SweepSpace.model_validate(data if world is None else {**data, "world": world})
        check_runs(space)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return space


def trial_run(space: SweepSpace, values: Mapping[str, Value], run_dir: str | Path) -> RunConfig:
    """The run of a trial.

    Args:
      space: what all trials share. values: of its fields, by path. run_dir: where the run's files go.

    Raises:
      ValueError: values that do not go together; names the fields.
    """
    data: dict[str, Any] = {
        "trainer": deep_merge(_OFF, thaw(space.trainer)),
        "environment": thaw(space.environment),
        "agent": thaw(space.agent),
        "seed": space.seed,
    }
    for path, value in values.items():
        parts = find_field(path).parts
        if parts[0] == "agent" and len(parts) > 1 and isinstance(data["agent"], str):
            data["agent"] = {"preset": data["agent"]}
        nested: Any = value
        for name in reversed(parts):
            nested = {name: nested}
        data = deep_merge(data, nested)
    trainer = {**data["trainer"], "run_dir": str(run_dir)}
    return make_run(
        named_world(space.world, trainer) if space.world is None else space.world,
        AgentConfig.model_validate(data["agent"]),
        seed=data["seed"],
        environment=data["environment"],
        **trainer,
    )


def check_runs(space: SweepSpace) -> None:
    """Check that a space allows runs. Raises the first error if the runs at both ends of the space are impossible."""
    errors: list[ValueError] = []
    for end in (0, 1):
        try:
            trial_run(space, {path: domain.ends[end] for path, domain in space.fields.items()}, "trial")
        except ValueError as error:
            errors.append(error)
    if len(errors) == 2:
        raise ValueError(f"with the first value of every field: {errors[0]}")


def _problems(path: str, domain: Domain) -> list[Problem]:
    try:
        field = find_field(path)
        if domain.choices is not None:
            for choice in domain.choices:
                field.check(choice)
        else:
            _check_range(field, domain)
    except ValueError as error:
        return [Problem(("fields", path), str(error))]
    return []


def _check_range(field: RunField, domain: Domain) -> None:
    kinds = field.kinds & {int, float}
    if not kinds:
        raise ValueError(f"is not a number; give a list of choices{field.examples}")
    numbers = {"low": domain.low, "high": domain.high, "step": domain.step}
    for name, number in numbers.items():
        if float not in kinds and isinstance(number, float):
            raise ValueError(f"{name}: {number} is not a whole number, as this field needs")
    for name in ("low", "high"):
        try:
            field.check(numbers[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not all(number is None or math.isfinite(number) for number in numbers.values()):
        raise ValueError("low, high and step must be finite")
