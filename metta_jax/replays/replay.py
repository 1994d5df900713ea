"""A replay of format 1: checked when it is made, and its state at every step."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any

from metta_jax.replays.check import check_replay


class Replay:
    """A recorded episode.

    Args:
      data: what the file holds, as `json.loads` gives it; kept, not copied.

    Raises:
      ValueError: it is not a replay of format 1; names the place.
    """

    def __init__(self, data: Mapping[str, Any]):
        check_replay(data)
        self.data: Mapping[str, Any] = data

    def __repr__(self) -> str:
        width, height = self.map_size
        return f"Replay({width}x{height}, {self.num_agents} agents, {self.num_steps} steps)"

    @property
    def action_names(self) -> tuple[str, ...]:
        return tuple(self.data["action_names"])

    @property
    def inventory_items(self) -> tuple[str, ...]:
        return tuple(self.data.get("inventory_items", ()))

    @property
    def object_types(self) -> tuple[str, ...]:
        return tuple(self.data["object_types"])

    @property
    def map_size(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.data["map_size"]
        return width, height

    @property
    def num_agents(self) -> int:
        return self.data["num_agents"]

    @property
    def num_steps(self) -> int:
        """Logged steps; step k is the state after action k + 1 (after action k if the initial state is logged too)."""
        return self.data["max_steps"]

    def objects_at(self, step: int) -> dict[int, dict[str, Any]]:
        """All objects by id at a step: what `grid_objects` of the environment gives.

        Agents also have `action`, `action_success`, `reward` and `total_reward`. Item indices of `inventory` are
        numbers, as in the environment.

        Raises an IndexError for a step that is not in 0..num_steps - 1.
        """
        if not 0 <= step < self.num_steps:
            raise IndexError(f"step: {step} is not in 0..{self.num_steps - 1}")
        return {thing["id"]: self._view(thing, step) for thing in self.data["grid_objects"]}

    def _view(self, thing: Mapping[str, Any], step: int) -> dict[str, Any]:
        view = {key: value_at(value, step) for key, value in thing.items()}
        held: dict[int, int] = {}
        if "inventory" in view:
            held = view["inventory"] = {int(item): n for item, n in view["inventory"].items()}
        # The format writes 0 while a feature is absent.
        shown = {f"inv:{self.inventory_items[item]}" for item in held if item < len(self.inventory_items)}
        absent = [k for k, v in view.items() if v == 0 and (k == "agent:glyph" or (k[:4] == "inv:" and k not in shown))]
        for key in absent:
            del view[key]
        return view


def as_replay(replay: Replay | Mapping[str, Any]) -> Replay:
    """A `Replay` unchanged; what a replay file holds as a `Replay`, checked. Raises the ValueError of `Replay`."""
    return replay if isinstance(replay, Replay) else Replay(replay)


def value_at(value: Any, step: int) -> Any:
    """A value at a step: of a series its last entry up to then, else the value itself."""
    if not is_series(value):
        return value
    return value[bisect.bisect_right(value, step, key=lambda entry: entry[0]) - 1][1]


def is_series(value: Any) -> bool:
    """Whether a value of an object is a series, not a bare value."""
    return isinstance(value, list) and len(value) > 0 and isinstance(value[0], list)
