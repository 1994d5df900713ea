"""A recorded run and an engine's rollout: equal, or where they first differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metta_jax.conformance.replay import Rollout, make_engine, scan_rollout
from metta_jax.conformance.runs import RecordedRun

TOLERANCE = 1e-6

# In the order in which a step makes them, so that of several differences in one step the cause is named first.
_PER_STEP = ("action_success", "observation", "reward", "episode_return", "terminated", "truncated")
_TRACKS = ("agent_state", "agent_inv", "conv_state", "conv_inv")

# One key per pair of a type and an argument that was ever given: without bound, so not kept by every engine.
_UNBOUNDED_KEYS = ("action.invalid_type.", "action.invalid_arg.")
_DERIVED_SUFFIXES = (".first_step", ".last_step", ".updates", ".rate", ".avg", ".activity_rate", ".min", ".max")


@dataclass(frozen=True)
class Difference:
    """The first place where a rollout is not the recorded run.

    Attributes:
      step: 1..T after a step, 0 after reset, None for what is read once at the end.
      agent: the agent's (for tracks of converters the converter's) index, or None.
      field: a field of `RecordedRun`, where it helps with a path: "observation[slot 3]", "stats.game.tokens_written".
      expected, got: the recorded value and the engine's.
    """

    step: int | None
    agent: int | None
    field: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = "at the end" if self.step is None else f"step {self.step}"
        if self.agent is not None:
            place += f", agent {self.agent}"
        return f"{place}, {self.field}: expected {self.expected}, got {self.got}"


def compare(
    run: RecordedRun,
    engine_factory: Callable[[Mapping[str, Any], list[list[str]]], Any] = make_engine,
    rollout_fn: Callable[[Any, RecordedRun], Rollout] = scan_rollout,
) -> Difference | None:
    """Replay a run and compare everything that was recorded.

    Observations, flags, objects and tracks must be equal; rewards and statistics within 1e-6, absolute below 1 and
    relative above. Statistics must have the same keys, except the two families without bound (`action.invalid_type.*`,
    `action.invalid_arg.*`), which are not compared.

    Args:
      run: the recorded run.
      engine_factory: (config, rows) -> engine; must set `resource_reward_cap="running_total"`.
      rollout_fn: (engine, run) -> everything that came out.

    Returns:
      The first difference, or None.
    """
    return first_difference(run, rollout_fn(engine_factory(run.config, run.rows), run))


def first_difference(run: RecordedRun, rollout: Rollout) -> Difference | None:
    """The earliest difference in time; within one step in the order in which a step makes things."""
    initial = _array_difference(
        "observation", run.initial_observation[None], rollout.initial_observation[None], start=0
    )
    if initial is None:
        initial = _objects_difference(0, "initial_grid_objects", run.initial_grid_objects, rollout.initial_grid_objects)
    if initial is not None:
        return initial

    found = [_array_difference(name, getattr(run, name), getattr(rollout, name), start=1) for name in _PER_STEP]
    for name in _TRACKS:
        if name in run.tracks and name in rollout.tracks:
            found.append(_array_difference(name, run.tracks[name], rollout.tracks[name], start=0))
    differences = [difference for difference in found if difference is not None]
    if differences:
        return min(differences, key=lambda difference: -1 if difference.step is None else difference.step)

    return _objects_difference(None, "grid_objects", run.grid_objects, rollout.grid_objects) or _stats_difference(
        run.stats, rollout.stats
    )


def _array_difference(name: str, expected: np.ndarray, got: np.ndarray, start: int) -> Difference | None:
    """Arrays [steps, agents, ...]; the first row belongs to step `start`."""
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return Difference(
            None, None, f"{name} (shape and dtype)", f"{expected.shape} {expected.dtype}", f"{got.shape} {got.dtype}"
        )
    unequal = ~_close(expected, got) if expected.dtype.kind == "f" else expected != got
    if not unequal.any():
        return None
    step, agent, *rest = (int(index) for index in np.argwhere(unequal)[0])
    label = name
    place: tuple[int, ...] = (step, agent)
    if name == "observation":
        label, place = f"observation[slot {rest[0]}]", (step, agent, rest[0])
    elif rest:
        label, place = f"{name}[{', '.join(map(str, rest))}]", (step, agent, *rest)
    return Difference(start + step, agent, label, expected[place].tolist(), got[place].tolist())


def _close(expected: Any, got: Any) -> Any:
    """Written so that NaN is never close to a number."""
    return np.abs(np.subtract(got, expected, dtype=np.float64)) <= TOLERANCE * np.maximum(1.0, np.abs(expected))


def _objects_difference(
    step: int | None,
    name: str,
    expected: Mapping[int, Mapping[str, Any]],
    got: Mapping[int, Mapping[str, Any]],
) -> Difference | None:
    if list(expected) != list(got):
        return Difference(step, None, f"{name} (ids)", list(expected), list(got))
    for object_id, view in expected.items():
        for key in sorted(view.keys() | got[object_id].keys()):
            if key not in view or key not in got[object_id] or view[key] != got[object_id][key]:
                return Difference(
                    step, None, f"{name}.{object_id}.{key}", view.get(key, "no key"), got[object_id].get(key, "no key")
                )
    return None


def _stats_difference(expected: Mapping[str, Any], got: Mapping[str, Any]) -> Difference | None:
    if set(expected) != set(got):
        return Difference(None, None, "stats (scopes)", sorted(expected), sorted(got))
    difference = _scope_difference("stats.game", None, expected["game"], got["game"])
    for scope in ("agent", "converter"):
        if difference is None and len(expected[scope]) != len(got[scope]):
            return Difference(None, None, f"stats.{scope} (length)", len(expected[scope]), len(got[scope]))
        for index, one in enumerate(expected[scope]):
            if difference is None:
                agent = index if scope == "agent" else None
                label = "stats.agent" if scope == "agent" else f"stats.converter[{index}]"
                difference = _scope_difference(label, agent, one, got[scope][index])
    return difference


def _scope_difference(
    label: str, agent: int | None, expected: Mapping[str, float], got: Mapping[str, float]
) -> Difference | None:
    for key in sorted(expected.keys() | got.keys()):
        if _is_unbounded(key):
            continue
        if key not in expected or key not in got or not _close(expected[key], got[key]):
            return Difference(None, agent, f"{label}.{key}", expected.get(key, "no key"), got.get(key, "no key"))
    return None


def _is_unbounded(key: str) -> bool:
    """True for `action.invalid_type.<type>.<arg>` and what is derived from it, not for `action.invalid_type.rate`."""
    return key.startswith(_UNBOUNDED_KEYS) and key not in _BOUNDED_KEYS


_BOUNDED_KEYS = frozenset(f"{key[:-1]}{suffix}" for key in _UNBOUNDED_KEYS for suffix in _DERIVED_SUFFIXES)
