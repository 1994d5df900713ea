"""`forage4`: four agents, each alone with 30 altars in a room of rubble; the world that training is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metta_jax.config import EnvConfig, FrozenDict
from metta_jax.mapgen import EMPTY, WALL, Area, Child, MapGen, Random, Scene
from metta_jax.mapgen.places import largest_region
from metta_jax.worlds.default import default_game
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

_NUM_ROOMS = 4
_ACTIONS = ("noop", "move", "rotate", "put_items", "get_items", "attack", "swap")


@dataclass(frozen=True)
class Rubble(Scene):
    """Wall rectangles and single walls at random; of the floor between them only the largest connected part stays open.

    Attributes:
      rectangles: how many; they may overlap. Their sides are drawn from 1..`longest_side`, as far as the area allows.
      longest_side: see there.
      single_walls: cells drawn without replacement, of the rectangles' too.
    """

    rectangles: int = 12
    longest_side: int = 4
    single_walls: int = 40

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        for _ in range(self.rectangles):
            height = min(int(rng.integers(1, self.longest_side + 1)), area.height)
            width = min(int(rng.integers(1, self.longest_side + 1)), area.width)
            top, left = rng.integers(area.height - height + 1), rng.integers(area.width - width + 1)
            area.grid[top : top + height, left : left + width] = WALL
        num_cells = area.height * area.width
        for cell in rng.choice(num_cells, size=min(self.single_walls, num_cells), replace=False):
            area.grid[divmod(int(cell), area.width)] = WALL
        area.grid[(area.grid == EMPTY) & ~largest_region(area.grid)] = WALL
        return []


def forage4_worlds() -> dict[str, World]:
    """`forage4`."""
    description = "Four rooms of rubble, in each one agent and 30 altars with a heart: what training is measured on."
    return {"forage4": World(_forage4, description, ("num_agents", "width", "height", "objects"))}


def _forage4(options: WorldOptions) -> EnvConfig:
    """Four rooms of rubble with one agent and 30 altars each; an altar holds one heart."""
    agents = options.agents_per_room(1, _NUM_ROOMS)
    width, height = options.size(32, 32)
    game = default_game(_NUM_ROOMS * agents).replace(
        actions=FrozenDict(
            {name: {"enabled": True} for name in _ACTIONS}
            | {"attack": {"enabled": True, "consumed_resources": {"laser": 1}}}
        ),
        agent={"rewards": {"inventory": FrozenDict({"heart": 1})}},
        objects={"altar": {"initial_resource_count": 1, "cooldown": 1000, "max_output": 5}},
    )
    content = Random(objects=options.counts({"altar": 30}), agents=agents, too_many_is_ok=False)
    # Each room has a wall of 3 around it, the whole another one of 6.
    maps = MapGen(
        Rubble(children=(Child(content, "full"),)),
        width=width,
        height=height,
        border_width=9,
        instances=_NUM_ROOMS,
        instance_border_width=6,
    )
    return EnvConfig(game=game, map_builder=maps)
