"""TerrainFromNumpy: what stands in for the original's archives of terrains."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import numpy as np

from metta_jax.mapgen.game_map import EMPTY, Agents, Grid
from metta_jax.mapgen.numbers import generator
from metta_jax.mapgen.parameters import AgentCounts, Counts, Rule
from metta_jax.mapgen.places import counted, largest_region, scatter, scatter_agents, team_names
from metta_jax.mapgen.rooms.room import Room
from metta_jax.mapgen.rooms.terrain import CylinderWorld, TerrainStyle, VariedTerrain
from metta_jax.mapgen.sampled import SampledInt

SIDES = {"small": 30, "medium": 60, "large": 90}
_STYLES = {"sparse": "all-sparse", "balanced": "balanced", "dense": "dense", "maze": "maze", "cylinder": "cylinder"}


@dataclass(frozen=True)
class TerrainFromNumpy(Room):
    """A square terrain of the size and style that `dir` names.

    The original reads terrains from a private store; this draws them: a `CylinderWorld` if "cylinder" is in `dir`, else
    a `VariedTerrain` of the style whose name is (sparse, balanced, dense, maze), with a side of 30 (small), 60 (medium)
    or 90 cells (large). What `dir` does not name is drawn. Agents and objects stand only on empty cells that have an
    empty neighbor and are not at the edge; objects for which there are none are left out.

    Attributes:
      objects: object name -> count.
      agents: number of agents, or numbers by group.
      dir: for instance "varied_terrain/balanced_large".
      file: a name for one terrain: the same name, the same terrain. None: another one for each map.
      teams: groups to which the agents are given in turn.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {"objects": Counts(), "agents": AgentCounts()}

    objects: Mapping[str, SampledInt] = field(default_factory=dict)
    agents: Agents = 10
    dir: str = ""
    file: str | None = None
    teams: tuple[str, ...] | None = None

    def kind_labels(self) -> tuple[str, ...]:
        return ("terrain",)

    def draw(self, rng: np.random.Generator) -> Grid:
        name = f"{self.dir}/{self.file}".encode()
        terrain_rng = rng if self.file is None else generator(zlib.crc32(name))
        grid = self._terrain(terrain_rng)
        usable = _with_empty_neighbor(grid) & largest_region(grid)
        scatter_agents(grid, team_names(self.agents, self.teams), rng, usable)
        scatter(grid, counted(self.objects), rng, usable)
        return grid

    def _terrain(self, rng: np.random.Generator) -> Grid:
        side = SIDES[_named(self.dir, tuple(SIDES), rng)]
        style = _STYLES[_named(self.dir, tuple(_STYLES), rng)]
        if style == "cylinder":
            return CylinderWorld(side, side, objects={"altar": 0}).draw(rng)
        styles: dict[str, TerrainStyle] = {name: name for name in get_args(TerrainStyle)}
        return VariedTerrain(side, side, style=styles[style]).draw(rng)


def _named(text: str, words: tuple[str, ...], rng: np.random.Generator) -> str:
    found = [word for word in words if word in text]
    return found[0] if found else words[int(rng.integers(len(words)))]


def _with_empty_neighbor(grid: Grid) -> np.ndarray:
    empty = grid == EMPTY
    usable = np.zeros_like(empty)
    usable[1:-1, 1:-1] = empty[:-2, 1:-1] | empty[2:, 1:-1] | empty[1:-1, :-2] | empty[1:-1, 2:]
    return usable & empty
