"""What a person or a file wants to know of a state: objects by id, statistics by name. Host code, NumPy."""

from typing import Any, NamedTuple

import numpy as np

from metta_jax.config import features
from metta_jax.mettagrid.rewards import derived_values
from metta_jax.mettagrid.stats import CONVERTER_EVENTS, DERIVED, TOKEN_STATS, agent_stat_names
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout

AGENT_LAYER, OBJECT_LAYER = 0, 1
UNTRACKED = "[unknown -- stats tracker not initialized]"  # the original's name for items used before the clock runs


class Thing(NamedTuple):
    """An object: where it began and where it is, as padded cells, and its code on the grid."""

    id: int
    code: int
    cell: int


class Series(NamedTuple):
    """One statistic; without metadata `updates` is None."""

    value: float
    updates: int | None = None
    first_step: int = 0
    last_step: int = 0
    lowest: float = 0.0


def things(layout: Layout, params: EnvParams, state: EnvState) -> list[Thing]:
    """All objects in the order of their ids: the order in which a scan of the original map meets them."""
    start, now = np.asarray(params.maps.grid)[state.map_index], np.asarray(state.grid)
    codes = start[np.flatnonzero(start)].tolist()
    occupied = np.flatnonzero(now)
    places = dict(zip(now[occupied].tolist(), occupied.tolist(), strict=True))
    cells = np.flatnonzero(start).tolist()
    fixed = layout.agent_code  # codes below it are names of walls, which stay where they are
    return [
        Thing(i + 1, code, cell if code < fixed else places[code])
        for i, (code, cell) in enumerate(zip(codes, cells, strict=True))
    ]


def grid_objects(layout: Layout, params: EnvParams, state: EnvState) -> dict[int, dict[str, Any]]:
    """All objects by id with what an observation shows of them."""
    return {thing.id: _view(layout, params, state, thing) for thing in things(layout, params, state)}


def episode_stats(layout: Layout, params: EnvParams, state: EnvState) -> dict[str, Any]:
    """Statistics by name; names that were never updated are absent. Without metadata there are only values."""
    step = int(state.step)
    return {
        "game": _report(_game_series(layout, params, state), step),
        "agent": [_report(_agent_series(layout, state, i), step) for i in range(layout.num_agents)],
        "converter": [
            _report(_converter_series(layout, params, state, i), step)
            for i in range(layout.num_converters)
            if np.asarray(params.maps.converter_cell)[state.map_index, i] > 0 and state.converter_events is not None
        ],
    }


def _view(layout: Layout, params: EnvParams, state: EnvState, thing: Thing) -> dict[str, Any]:
    row, column = divmod(thing.cell, layout.stride)
    place = {"r": row - layout.pad[0], "c": column - layout.pad[1]}
    if layout.agent_code <= thing.code < layout.converter_code:
        return _agent_view(layout, params, state, thing, place)
    if layout.converter_code <= thing.code < layout.block_code:
        return _converter_view(layout, params, state, thing, place)
    if thing.code >= layout.block_code:
        kind = int(np.asarray(params.maps.block_kind)[state.map_index, thing.code - layout.block_code])
    else:
        kind = thing.code - 1
    type_id = int(params.rules.wall_type[kind])
    view = {"id": thing.id, "type": type_id, "type_name": layout.wall_names[kind], **place, "layer": OBJECT_LAYER}
    view[_name(features.TYPE_ID)] = type_id
    if params.rules.wall_swappable[kind]:
        view[_name(features.SWAPPABLE)] = 1
    return view


def _agent_view(
    layout: Layout, params: EnvParams, state: EnvState, thing: Thing, place: dict[str, Any]
) -> dict[str, Any]:
    i = thing.code - layout.agent_code
    group = int(state.group[i])
    frozen, orientation = int(state.frozen[i]), int(state.orientation[i])
    view: dict[str, Any] = {"id": thing.id, "type": 0, "type_name": "agent", **place, "layer": AGENT_LAYER}
    view[_name(features.TYPE_ID)] = 0
    view[_name(features.GROUP)] = int(params.rules.group_id[group])
    view[_name(features.FROZEN)] = int(frozen > 0)
    view[_name(features.ORIENTATION)] = orientation
    view[_name(features.COLOR)] = int(state.color[i])
    if state.glyph[i]:
        view[_name(features.GLYPH)] = int(state.glyph[i])
    inventory = {item: int(n) for item, n in enumerate(state.inventory[i]) if n >= 0}
    view |= {f"inv:{layout.item_names[item]}": n for item, n in inventory.items()}
    view |= {
        "orientation": orientation,
        "group_name": layout.group_names[group],
        "frozen": frozen,
        "inventory": inventory,
        "agent_id": i,
    }
    return view


def _converter_view(
    layout: Layout, params: EnvParams, state: EnvState, thing: Thing, place: dict[str, Any]
) -> dict[str, Any]:
    i = thing.code - layout.converter_code
    rules, kind = params.rules, int(state.converter_kind[i])
    type_id = int(rules.converter_type[kind])
    name = layout.converter_names[kind]
    view: dict[str, Any] = {"id": thing.id, "type": type_id, "type_name": name, **place, "layer": OBJECT_LAYER}
    view[_name(features.TYPE_ID)] = type_id
    view[_name(features.COLOR)] = int(rules.converter_color[kind])
    view[_name(features.CONVERTING)] = int(state.converter_phase[i] > 0)
    stock = np.asarray(state.converter_stock[i])
    view |= {f"inv:{layout.item_names[item]}": int(n) for item, n in enumerate(stock) if n > 0}
    if rules.shows_recipe[kind]:
        view |= {f"inv:{layout.item_names[item]}": n for item, n in _amounts(rules.recipe, "input", kind).items()}
    return view


def _name(feature: int) -> str:
    return features.NAMES[feature][0]


def _game_series(layout: Layout, params: EnvParams, state: EnvState) -> dict[str, Series]:
    series = {}
    stats = state.token_stats
    for thing in things(layout, params, state):
        if not layout.agent_code <= thing.code < layout.converter_code:
            name = _view(layout, params, state, thing)["type_name"]
            count = series[f"objects.{name}"].value + 1 if f"objects.{name}" in series else 1
            updates = count if stats is not None and stats.meta is not None else None
            series[f"objects.{name}"] = Series(count, updates, 0, 0, 1.0)
    if stats is not None:
        for i, name in enumerate(TOKEN_STATS):
            series[name] = _series(stats, (0, i))
    return series


def _agent_series(layout: Layout, state: EnvState, agent: int) -> dict[str, Series]:
    stats = state.agent_stats
    if stats is None:
        return {}
    names = agent_stat_names(layout, layout.group_names[int(state.group[agent])])
    value = np.asarray(stats.value)
    return {name: _series(stats, (agent, i)) for name, i in names.items() if value[agent, i] > 0}


def _converter_series(layout: Layout, params: EnvParams, state: EnvState, index: int) -> dict[str, Series]:
    """The statistics of a converter; all but what agents moved follow from how often each event happened.

    What a converter does when the world is built happens before it knows the clock: it counts, but leaves no metadata.
    """
    rules, happened, moved = params.rules, state.converter_events, state.converter_moves
    assert happened is not None  # the layout says what is kept
    assert moved is not None
    recipe, kind = rules.recipe, int(state.converter_kind[index])
    events = {name: _series(happened, (index, i)) for i, name in enumerate(CONVERTER_EVENTS)}
    at_start = _event_at_start(layout, rules, kind)
    series = {
        "blocked.output_full": _plus_start(events["full"], at_start == "full"),
        "blocked.insufficient_input": _plus_start(events["short"], at_start == "short"),
        "conversions.started": _plus_start(events["started"], at_start == "started"),
        "conversions.completed": events["completed"],
        "cooldown.completed": events["cooled"],
        f"{layout.converter_names[kind]}.produced": events["completed"],
    }
    if rules.recipe.cooldown[kind] > 0:
        series["cooldown.started"] = events["completed"]
    for item, n in _amounts(recipe, "input", kind).items():
        series[f"{layout.item_names[item]}.consumed"] = _times(events["started"], n)
    for item, n in _amounts(recipe, "output", kind).items():
        key = f"{layout.item_names[item]}.produced"
        made = _times(events["completed"], n)
        # A converter may bear the name of an item; both then count into one statistic, the item first.
        series[key] = _together(made, series[key]) if key in series else made
    if at_start == "started":
        amounts = list(_amounts(recipe, "input", kind).values())
        if amounts:
            series[f"{UNTRACKED}.consumed"] = Series(sum(amounts), 0, lowest=amounts[0])
    for item, name in enumerate(layout.item_names):
        series[f"{name}.added"] = _series(moved, (index, item))
        series[f"{name}.removed"] = _series(moved, (index, layout.num_items + item))
    series = {name: x for name, x in series.items() if x.value > 0}
    row, column = divmod(int(np.asarray(params.maps.converter_cell)[state.map_index, index]), layout.stride)
    read = {
        "type_id": int(rules.converter_type[kind]),
        "location.r": row - layout.pad[0],
        "location.c": column - layout.pad[1],
    }
    updates, step = (None if happened.meta is None else 1), int(state.step)
    return series | {name: Series(x, updates, step, step, x) for name, x in read.items()}


def _event_at_start(layout: Layout, rules: Any, kind: int) -> str:
    """What `try_start` came to when the world was built."""
    recipe = rules.recipe
    initial = int(rules.initial_amount[kind])
    outputs, inputs = _amounts(recipe, "output", kind), _amounts(recipe, "input", kind)
    if 0 <= recipe.max_output[kind] <= initial * len(outputs):
        return "full"
    held = dict.fromkeys(outputs, initial)
    return "short" if any(held.get(item, 0) < n for item, n in inputs.items()) else "started"


def _amounts(recipe: Any, side: str, kind: int) -> dict[int, int]:
    items, amounts = getattr(recipe, f"{side}_item")[kind], getattr(recipe, f"{side}_amount")[kind]
    return {int(item): int(n) for item, n in zip(items, amounts, strict=True) if n > 0}


def _series(stats: Any, index: tuple[int, int]) -> Series:
    value = float(np.asarray(stats.value)[index])
    if stats.meta is None:
        return Series(value)
    meta = stats.meta
    return Series(
        value,
        int(np.asarray(meta.updates)[index]),
        int(np.asarray(meta.first_step)[index]),
        int(np.asarray(meta.last_step)[index]),
        float(np.asarray(meta.first_value)[index]),
    )


def _plus_start(series: Series, happened: bool) -> Series:
    if not happened:
        return series
    return series._replace(value=series.value + 1, lowest=1.0)


def _times(series: Series, amount: int) -> Series:
    return series._replace(value=series.value * amount, lowest=series.lowest * amount)


def _together(first: Series, second: Series) -> Series:
    """Two statistics of one name that are updated at the same moments, `first` before `second`."""
    updates = None if first.updates is None or second.updates is None else first.updates + second.updates
    return first._replace(value=first.value + second.value, updates=updates)


def _report(series: dict[str, Series], step: int) -> dict[str, float]:
    report = {}
    for name, x in series.items():
        report[name] = x.value
        if x.updates is None:
            continue
        value, lowest = np.float32(x.value), np.float32(x.lowest)
        first_step, last_step, updates = (np.int32(n) for n in (x.first_step, x.last_step, x.updates))
        values = derived_values(value, first_step, last_step, updates, lowest, np.int32(step))
        derived = dict(zip(DERIVED[1:], (float(v) for v in values[1:]), strict=True))
        if x.updates == 0:
            derived = {key: derived[key] for key in ("min", "max")}
        elif not (x.updates > 1 and x.last_step > x.first_step):
            del derived["activity_rate"]
        report |= {f"{name}.{key}": value for key, value in derived.items()}
    return dict(sorted(report.items()))
