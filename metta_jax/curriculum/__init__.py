"""Curricula: which task next. Pure state, pure update.

    curriculum = build_curriculum(LearningProgress(tasks={"easy": 1, "hard": 1}), Known({"easy": ..., "hard": ...}))
    state = curriculum.init()
    index = curriculum.sample(state, key)
    state = curriculum.complete(state, index, score)
    curriculum.stats(state)

`metta_jax.worlds.make_curriculum` knows the named worlds and curricula.
"""

from metta_jax.curriculum.build import Known, Library, build_curriculum
from metta_jax.curriculum.curriculum import Curriculum, CurriculumState, Task
from metta_jax.curriculum.kinds import (
    AnyKind,
    Bucketed,
    Kind,
    LearningProgress,
    PrioritizeRegressed,
    Progressive,
    ProgressiveMultiTask,
    Random,
    SampledTask,
    Sampling,
    SingleTask,
    is_curriculum,
    read_kind,
)
from metta_jax.curriculum.overrides import changed, override

__all__ = [
    "AnyKind",
    "Bucketed",
    "Curriculum",
    "CurriculumState",
    "Kind",
    "Known",
    "LearningProgress",
    "Library",
    "PrioritizeRegressed",
    "Progressive",
    "ProgressiveMultiTask",
    "Random",
    "SampledTask",
    "Sampling",
    "SingleTask",
    "Task",
    "build_curriculum",
    "changed",
    "is_curriculum",
    "override",
    "read_kind",
]
