"""From the description of a curriculum to its tasks and rule. Host code."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np

from metta_jax.config import EnvConfig, FrozenDict
from metta_jax.curriculum import kinds
from metta_jax.curriculum.curriculum import Curriculum, Task
from metta_jax.curriculum.learning_progress import LearningProgressRule
from metta_jax.curriculum.overrides import changed, flat
from metta_jax.curriculum.prioritize_regressed import PrioritizeRegressedRule
from metta_jax.curriculum.progressive import BlendRule, GrowingRule
from metta_jax.curriculum.rule import FixedWeights, Rule

NO_CHANGES: Mapping[str, Any] = FrozenDict()


class Library(Protocol):
    """What the names of tasks mean."""

    def find_kind(self, name: str) -> kinds.AnyKind | None:
        """The curriculum of this name; None if it names a world. A ValueError if it names nothing."""
        ...

    def make_world(self, name: str, changes: Mapping[str, Any], seed: int, sampling: float | None) -> EnvConfig:
        """The world of this name with changes, dotted path -> value; its sampled numbers are drawn from `seed`."""
        ...


class Known:
    """A library of given worlds and curricula."""

    def __init__(self, known: Mapping[str, EnvConfig | kinds.Kind]):
        self.known = dict(known)

    def find_kind(self, name: str) -> kinds.AnyKind | None:
        found = self._find(name)
        return cast(kinds.AnyKind, found) if isinstance(found, kinds.Kind) else None

    def make_world(self, name: str, changes: Mapping[str, Any], seed: int, sampling: float | None) -> EnvConfig:
        found = self._find(name)
        assert isinstance(found, EnvConfig)
        return changed(found, changes, sampling)

    def _find(self, name: str) -> EnvConfig | kinds.Kind:
        if name not in self.known:
            raise ValueError(f"tasks: no task {name!r} (known are {', '.join(map(repr, self.known))})")
        return self.known[name]


def build_curriculum(
    kind: kinds.AnyKind,
    library: Library,
    *,
    name: str = "curriculum",
    changes: Mapping[str, Any] = NO_CHANGES,
    seed: int = 0,
) -> Curriculum:
    """The curriculum.

    Args:
      library: what the names in it mean.
      name: what a curriculum around it would call it.
      changes: dotted path -> value, for every task; they take precedence over the `env_overrides` of the kind.
      seed: of the numbers that are drawn for variants.

    Raises:
      ValueError: a name that the library does not know, a change that a task does not take, or a curriculum in itself.
    """
    return _Builder(library, seed).build(kind, name, changes, ())


class _Builder:
    def __init__(self, library: Library, seed: int):
        self.library = library
        self.seed = seed

    def build(self, kind: Any, name: str, changes: Mapping[str, Any], around: tuple[str, ...]) -> Curriculum:
        if name in around:
            raise ValueError(f"curriculum {name!r} is a task of itself, by way of {' -> '.join((*around, name))}")
        changes = {**flat(kind.env_overrides), **flat(changes)}

        def child(path: str) -> Task | Curriculum:
            nested = self.library.find_kind(path)
            if nested is not None:
                return self.build(nested, path, changes, (*around, name))
            return self.task(path, path, changes, kind.num_variants)

        match kind:
            case kinds.SingleTask():
                title = kind.task if isinstance(kind.task, str) else "task"
                if isinstance(kind.task, str) and self.library.find_kind(kind.task) is not None:
                    return Curriculum(name, (child(title),), FixedWeights((1.0,)))
                return _single(name, self.task(title, kind.task, changes, kind.num_variants))
            case kinds.Sampling():
                drawn = self.task("sample", kind.template, changes, kind.num_variants, kind.sampling)
                share = drawn.variants[0].sampling if kind.sampling is None else kind.sampling
                return _single(name, Task(f"sample({share})", drawn.variants))
            case kinds.SampledTask():
                title = kind.template if isinstance(kind.template, str) else "task"
                return _single(name, self.sampled(title, kind.template, changes, kind.parameters, kind.num_variants))
            case kinds.Bucketed():
                cells = bucket_cells(kind.buckets, kind.default_bins)
                tasks = tuple(
                    self.sampled(cell, kind.env_cfg_template_path, changes, parameters, kind.num_variants)
                    for cell, parameters in cells.items()
                )
                return Curriculum(name, tasks, _progress_rule(kind, (1.0,) * len(tasks)))
            case kinds.Progressive():
                tasks = tuple(
                    self.task(f"{width}x{height}", kind.template, changes | _map_size(width, height), kind.num_variants)
                    for width, height in growing_sizes(kind.width, kind.height, kind.largest)
                )
                return Curriculum(name, tasks, GrowingRule(len(tasks)))
            case _:
                return Curriculum(name, tuple(child(path) for path in kind.tasks), _rule_of(kind))

    def task(
        self,
        name: str,
        template: kinds.Template,
        changes: Mapping[str, Any],
        num_variants: int,
        sampling: float | None = None,
    ) -> Task:
        """A world; in several variants if it has sampled numbers."""
        first = self.world(template, changes, 0, sampling)
        if not first.sampling:
            return Task(name, (first,))
        variants = (first, *(self.world(template, changes, i, sampling) for i in range(1, num_variants)))
        # Numbers of the map only: they are drawn for every map anyway.
        return Task(name, (first,) if len(set(variants)) == 1 else variants)

    def sampled(
        self,
        name: str,
        template: kinds.Template,
        changes: Mapping[str, Any],
        parameters: Mapping[str, Any],
        num_variants: int,
    ) -> Task:
        """A world with drawn values."""
        if not any(isinstance(value, Mapping) for value in parameters.values()):
            return self.task(name, template, {**changes, **parameters}, num_variants)
        variants = []
        for i in range(num_variants):
            rng = np.random.default_rng([self.seed, i, 1])
            values = {key: draw_parameter(value, rng) for key, value in parameters.items()}
            variants.append(self.world(template, {**changes, **values}, i, None))
        return Task(name, tuple(variants))

    def world(
        self, template: kinds.Template, changes: Mapping[str, Any], variant: int, sampling: float | None
    ) -> EnvConfig:
        if isinstance(template, EnvConfig):
            return changed(template, changes, sampling)
        seed = int(np.random.SeedSequence([self.seed, variant]).generate_state(1)[0])
        return self.library.make_world(template, changes, seed, sampling)


def bucket_cells(buckets: Mapping[str, Mapping[str, Any]], default_bins: int) -> dict[str, dict[str, Any]]:
    """The cells of the product of buckets: id -> {key: value or {"range": [lo, hi]}}.

    The id is "key=value;...", with the last three parts of each key and numbers to three digits.
    """
    options = {key: _bucket_options(bucket, default_bins) for key, bucket in buckets.items()}
    cells = {}
    for values in itertools.product(*options.values()):
        cell = dict(zip(options, values, strict=True))
        cells[";".join(f"{'.'.join(key.split('.')[-3:])}={_value_text(value)}" for key, value in cell.items())] = cell
    return cells


def draw_parameter(value: Any, rng: np.random.Generator) -> Any:
    """A value unchanged; of a range a uniform number, cut to an int if both bounds are ints."""
    if not isinstance(value, Mapping):
        return value
    low, high = value["range"]
    drawn = low + (high - low) * float(rng.random())
    is_whole = value.get("whole", isinstance(low, int) and isinstance(high, int))
    return int(drawn) if is_whole else drawn


def growing_sizes(width: int, height: int, largest: int) -> list[tuple[int, int]]:
    """Sizes from the first one on, both sides doubled and at most `largest`, until nothing grows anymore."""
    sizes = [(min(width, largest), min(height, largest))]
    while (bigger := (min(2 * sizes[-1][0], largest), min(2 * sizes[-1][1], largest))) != sizes[-1]:
        sizes.append(bigger)
    return sizes


def _rule_of(
    kind: kinds.Random | kinds.PrioritizeRegressed | kinds.LearningProgress | kinds.ProgressiveMultiTask,
) -> Rule:
    weights = tuple(kind.tasks.values())
    match kind:
        case kinds.Random():
            return FixedWeights(weights)
        case kinds.PrioritizeRegressed():
            return PrioritizeRegressedRule(weights, kind.moving_avg_decay_rate, kind.explore)
        case kinds.LearningProgress():
            return _progress_rule(kind, weights)
        case kinds.ProgressiveMultiTask():
            return BlendRule(
                num_children=len(weights),
                performance_threshold=kind.performance_threshold,
                smoothing=kind.smoothing,
                progression_rate=kind.progression_rate,
                progression_mode=kind.progression_mode,
                blending_smoothness=kind.blending_smoothness,
                blending_mode=kind.blending_mode,
            )


def _progress_rule(kind: kinds.Progress, weights: tuple[float, ...]) -> LearningProgressRule:
    return LearningProgressRule(
        initial=weights,
        **{name: getattr(kind, name) for name in kinds.Progress.model_fields if name not in kinds.Kind.model_fields},
    )


def _single(name: str, task: Task) -> Curriculum:
    return Curriculum(name, (task,), FixedWeights((1.0,)))


def _map_size(width: int, height: int) -> dict[str, int]:
    return {"map_builder.width": width, "map_builder.height": height}


def _bucket_options(bucket: Mapping[str, Any], default_bins: int) -> list[Any]:
    if "values" in bucket:
        return list(bucket["values"])
    low, high = bucket["range"]
    bins = bucket.get("bins", default_bins)
    whole = isinstance(low, int) and isinstance(high, int)
    size = (high - low) / bins
    return [{"range": (low + i * size, low + (i + 1) * size), "whole": whole} for i in range(bins)]


def _value_text(value: Any) -> str:
    if isinstance(value, Mapping):
        low, high = (_value_text(bound) for bound in value["range"])
        return f"({low}, {high})"
    return str(round(value, 3)) if isinstance(value, float) else str(value)
