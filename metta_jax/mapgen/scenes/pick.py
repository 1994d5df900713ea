"""Scenes that are chosen at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from metta_jax.mapgen.numbers import pick
from metta_jax.mapgen.parameters import Parameters, Real, Rule
from metta_jax.mapgen.plain import read_scene
from metta_jax.mapgen.sampled import SampledFloat
from metta_jax.mapgen.scene import Area, Child, Scene

SCENE_FILES = (".yaml", ".yml")


@dataclass(frozen=True)
class Candidate(Parameters):
    """A scene that may be chosen, and how often compared to the others."""

    RULES: ClassVar[Mapping[str, Rule]] = {"weight": Real(0)}

    scene: Scene
    weight: SampledFloat = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.scene, Scene):
            raise ValueError(f"scene: {self.scene!r} is not a scene")


@dataclass(frozen=True)
class RandomScene(Scene):
    """One of several scenes, by weight; then its own children.

    Attributes:
      candidates: `Candidate`s, mappings of their fields, or scenes, which have weight 1.

    Labels: its own, and those of the scene that was drawn.
    """

    candidates: tuple[Candidate, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", tuple(_candidate(candidate) for candidate in self.candidates))
        super().__post_init__()
        if not any(candidate.weight for candidate in self.candidates):
            raise ValueError("candidates: there is none with a weight above 0")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        return [area]

    def all_children(self, rng: np.random.Generator) -> tuple[Child, ...]:
        chosen = self.candidates[pick([candidate.weight for candidate in self.candidates], rng)]
        return (Child(chosen.scene, "full"), *self.children)

    def map_labels(self, children: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return (*self.labels, *children[0])


@dataclass(frozen=True)
class RandomSceneFromDir(Scene):
    """One of the scenes in a directory (files *.yaml, see `metta_jax.mapgen.plain`), each as often as the others.

    Raises:
      ValueError: there is no such directory, no scene file in it, or, when it is drawn, the file is no scene.
    """

    dir: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._files():
            raise ValueError(f"dir: there are no scene files (*.yaml) in {self.dir!r}")

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        del rng
        return [area]

    def all_children(self, rng: np.random.Generator) -> tuple[Child, ...]:
        files = self._files()
        return (Child(read_scene(files[int(rng.integers(len(files)))]), "full"), *self.children)

    def map_labels(self, children: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return (*self.labels, *children[0])

    def _files(self) -> list[Path]:
        """In the order of their names, which is the same everywhere."""
        if not Path(self.dir).is_dir():
            raise ValueError(f"dir: {self.dir!r} is not a directory")
        return sorted(path for path in Path(self.dir).iterdir() if path.suffix in SCENE_FILES)


def _candidate(candidate: Candidate | Scene | Mapping[str, Any]) -> Candidate:
    if isinstance(candidate, Mapping):
        return Candidate(**candidate)
    return candidate if isinstance(candidate, Candidate) else Candidate(candidate)
