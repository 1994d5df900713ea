"""Scenes: parts of a map that draw themselves into an area and hand smaller areas on to their children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from metta_jax.mapgen.game_map import Grid
from metta_jax.mapgen.numbers import permutation
from metta_jax.mapgen.parameters import OneOf, Parameters, Rule, Whole, resolved


@dataclass(frozen=True, eq=False)
class Area:
    """A rectangle of the map.

    Attributes:
      grid: str [height, width], a view: drawing here draws on the map.
      x, y: column and row of the first cell on the whole map.
      tags: what the scene that made the area calls it.
    """

    grid: Grid
    x: int = 0
    y: int = 0
    tags: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return self.grid.shape[1]

    @property
    def height(self) -> int:
        return self.grid.shape[0]

    def part(self, x: int, y: int, width: int, height: int, tags: Sequence[str] = ()) -> Area:
        """The rectangle at column `x`, row `y` of this area.

        Raises:
          ValueError: it reaches outside.
        """
        if min(x, y) < 0 or min(width, height) < 1 or x + width > self.width or y + height > self.height:
            raise ValueError(f"area: {width}x{height} at ({x}, {y}) does not lie inside {self.width}x{self.height}")
        return Area(self.grid[y : y + height, x : x + width], self.x + x, self.y + y, tuple(tags))


Where: TypeAlias = Literal["full"] | tuple[str, ...] | None
"""`"full"`: the parent's own area; tags: the parent's areas that have all of them; None: all of the parent's areas."""

Order: TypeAlias = Literal["random", "first", "last"]


@dataclass(frozen=True)
class Child(Parameters):
    """Which areas of its parent a scene is drawn in.

    Attributes:
      scene: the scene.
      where: see `Where`; `{"tags": [...]}` is read too.
      limit: at most this many areas; None: all.
      offset: with `order_by` "first" and "last": how many are skipped at that end.
      order_by: "random" takes without replacement.
      lock: areas taken under a lock name are not taken again under it by a later child.
    """

    RULES: ClassVar[Mapping[str, Rule]] = {
        "limit": Whole(0, optional=True),
        "offset": Whole(0),
        "order_by": OneOf(get_args(Order)),
    }

    scene: Scene
    where: Where = None
    limit: int | None = None
    offset: int = 0
    order_by: Order = "random"
    lock: str | None = None

    def __post_init__(self) -> None:
        where: Any = self.where
        if isinstance(where, Mapping) and set(where) == {"tags"}:
            object.__setattr__(self, "where", tuple(where["tags"]))
        super().__post_init__()
        if not isinstance(self.scene, Scene):
            raise ValueError(f"scene: {self.scene!r} is not a scene")
        is_tags = isinstance(self.where, tuple) and all(isinstance(tag, str) for tag in self.where)
        if not (self.where is None or self.where == "full" or is_tags):
            raise ValueError(f"where: {self.where!r} is not 'full', a tuple of tags, or None")
        if self.offset and self.order_by == "random":
            raise ValueError(f"offset: {self.offset} is not allowed with order_by 'random'")


@dataclass(frozen=True)
class Scene(Parameters):
    """Base of all scenes: frozen parameters and children. Subclasses override `draw`."""

    children: tuple[Child, ...] = field(default=(), kw_only=True)
    labels: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.children, tuple | list):
            raise ValueError(f"children: {self.children!r} is not a list")
        if any(isinstance(child, Mapping) for child in self.children):
            children = (Child(**child) if isinstance(child, Mapping) else child for child in self.children)
            object.__setattr__(self, "children", tuple(children))
        super().__post_init__()
        for child in self.children:
            if not isinstance(child, Child):
                raise ValueError(f"children: {child!r} is not a Child")

    def size(self) -> tuple[int, int] | None:
        """Width and height that the scene wants; None: it fills what it gets."""
        return None

    def draw(self, area: Area, rng: np.random.Generator) -> list[Area]:
        """Draw into `area` and return the areas for the children."""
        raise NotImplementedError

    def all_children(self, rng: np.random.Generator) -> tuple[Child, ...]:
        """What is drawn after `draw`, in order: `children`, for some scenes after others of their own."""
        del rng
        return self.children

    def map_labels(self, children: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        """Labels of what was drawn, given those of the drawn children: its own, and what kind of scene it is."""
        del children
        return (*self.labels, type(self).__name__)


@dataclass(frozen=True, eq=False)
class SceneNode:
    """A scene that was drawn, with the numbers that were drawn for it, where, and what was drawn after it."""

    scene: Scene
    area: Area
    children: tuple[SceneNode, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the scene gives to the map."""
        return self.scene.map_labels([child.labels for child in self.children])


def render(scene: Scene, area: Area, rng: np.random.Generator) -> SceneNode:
    """Draw a scene and then its children in order, each with a generator of its own."""
    scene = resolved(scene, rng)
    areas = scene.draw(area, rng)
    locks: dict[str, set[int]] = {}
    nodes = []
    for child in scene.all_children(rng):
        child = resolved(child, rng)
        for chosen in _select(child, area, areas, locks, rng):
            nodes.append(render(child.scene, chosen, rng.spawn(1)[0]))
    return SceneNode(scene, area, tuple(nodes))


def _select(
    child: Child, own: Area, areas: list[Area], locks: dict[str, set[int]], rng: np.random.Generator
) -> list[Area]:
    if child.where == "full":
        return [own]
    taken = locks.setdefault(child.lock, set()) if child.lock is not None else set()
    found = [
        index
        for index, area in enumerate(areas)
        if index not in taken and (child.where is None or set(child.where) <= set(area.tags))
    ]
    if child.order_by == "last":
        found = found[: len(found) - child.offset] if child.offset else found
        found = found if child.limit is None else found[max(0, len(found) - child.limit) :]
    elif child.order_by == "first":
        found = found[child.offset :]
        found = found if child.limit is None else found[: child.limit]
    elif child.limit is not None and child.limit < len(found):
        found = [found[index] for index in permutation(len(found), rng)[: child.limit]]
    taken.update(found)
    return [areas[index] for index in found]
