"""Statistics: which there are, where each stands, and how events are recorded.

Statistics of agents and converters only grow. So in addition to a value it is enough to keep how often it was updated,
when first and last, and its first value, which is the smallest.
"""

import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from grid_kernels.gather import add, pick, put
from metta_jax.mettagrid.tally import Tally
from metta_jax.mettagrid.types import Layout, StatMeta, Stats, StatsLevel

NEVER = 0x7FFFFFFF
_MOST_UPDATES = 0x7FFFFFFF
TOKEN_STATS = ("tokens_written", "tokens_dropped", "tokens_free_space")
DERIVED = ("value", "first_step", "last_step", "updates", "rate", "avg", "activity_rate", "min", "max")
_INTEGER = "(0|-?[1-9][0-9]*)"
_INVALID_ACTION = re.compile(
    rf"action\.(invalid_type|invalid_arg)\.{_INTEGER}\.{_INTEGER}(?:\.(?:{'|'.join(DERIVED[1:])}))?"
)
CONVERTER_EVENTS = ("full", "short", "started", "completed", "cooled")


@dataclass(frozen=True)
class AgentStats:
    """Where the statistics of an agent stand. Offsets; a family continues in the order of its members."""

    success: int  # by action
    failed: int  # by action
    invalid_type: int
    invalid_arg: int
    frozen: int
    penalty: int
    swap: int  # by wall name, then agents
    gained: int  # by item
    lost: int
    get: int
    put: int
    friendly: int
    wasted: int
    hit: int  # by group of the target
    hit_by: int  # by group of the attacker
    blocked_by: int  # by group of the target
    stolen: int  # by item, then by group of the target
    invalid: int  # by `invalid_actions`
    size: int
    sizes: dict[str, int]  # of each family, in their order


def agent_stats(layout: Layout) -> AgentStats:
    actions, items, groups = len(layout.actions), layout.num_items, layout.num_groups
    sizes = {
        "success": actions, "failed": actions, "invalid_type": 1, "invalid_arg": 1, "frozen": 1,
        "penalty": 1,
        "swap": len(layout.wall_names) + 1, "gained": items, "lost": items, "get": items, "put": items,
        "friendly": 1, "wasted": 1, "hit": groups, "hit_by": groups, "blocked_by": groups, "stolen": items * groups,
        "invalid": len(invalid_actions(layout)),
    }  # fmt: skip
    offsets, size = {}, 0
    for name, length in sizes.items():
        offsets[name] = size
        size += length
    return AgentStats(**offsets, size=size, sizes=sizes)


def agent_stat_names(layout: Layout, group: str) -> dict[str, int]:
    """{name: index} of the statistics that an agent of `group` can have."""
    at = agent_stats(layout)
    names = {}
    for i, action in enumerate(layout.actions):
        names[f"action.{action.reported_name}.success"] = at.success + i
        names[f"action.{action.reported_name}.failed"] = at.failed + i
    names["action.invalid_type"], names["action.invalid_arg"] = at.invalid_type, at.invalid_arg
    names["status.frozen.ticks"] = names[f"status.frozen.ticks.{group}"] = at.frozen
    names["action.failure_penalty"] = at.penalty
    for i, name in enumerate((*layout.wall_names, "agent")):
        names[f"action.swap.{name}"] = at.swap + i
    for i, item in enumerate(layout.item_names):
        for family in ("gained", "lost", "get", "put"):
            names[f"{item}.{family}"] = getattr(at, family) + i
    names[f"action.attack.{group}.friendly_fire"] = at.friendly
    names[f"action.attack.{group}.wasted_on_frozen"] = at.wasted
    for i, other in enumerate(layout.group_names):
        names[f"action.attack.{group}.hit.{other}"] = at.hit + i
        names[f"action.attack.{group}.hit_by.{other}"] = at.hit_by + i
        names[f"action.attack.{group}.blocked_by.{other}"] = at.blocked_by + i
        for j, item in enumerate(layout.item_names):
            names[f"action.attack.{group}.steals.{item}.from.{other}"] = at.stolen + j * layout.num_groups + i
    for i, (family, kind, argument) in enumerate(invalid_actions(layout)):
        names[f"action.{family}.{kind}.{argument}"] = at.invalid + i
    return names


def invalid_actions(layout: Layout) -> tuple[tuple[str, int, int], ...]:
    """The invalid actions whose statistics are kept one by one, as ("invalid_type" or "invalid_arg", type, argument).

    There is no end of them, so these are only the rewarded ones.
    """
    found = [match for key in layout.stat_rewards if (match := _INVALID_ACTION.fullmatch(key))]
    kept = {(family, int(kind), int(argument)) for family, kind, argument in (match.groups() for match in found)}
    return tuple(sorted(pair for pair in kept if max(abs(pair[1]), abs(pair[2])) < 2**31))


def no_stats(shape: tuple[int, ...], level: StatsLevel) -> Stats | None:
    """Statistics before the first update."""
    if level == "none":
        return None
    meta = None
    if level == "full":
        meta = StatMeta(
            updates=jnp.zeros(shape, jnp.int32),
            first_step=jnp.full(shape, NEVER, jnp.int32),
            last_step=jnp.zeros(shape, jnp.int32),
            first_value=jnp.zeros(shape, jnp.float32),
        )
    return Stats(jnp.zeros(shape, jnp.float32), meta)


def record(stats: Stats | None, step: jax.Array, tally: Tally) -> Stats | None:
    """Add what a step brought, `tally` `[N, n, K]`, to statistics `[N, n, K]`. `step` is int32 [N]."""
    if stats is None:
        return None
    value = stats.value + tally.amount.astype(jnp.float32)
    if stats.meta is None:
        return Stats(value, None)
    return Stats(value, _meta(stats.meta, step, tally))


def record_rows(stats: Stats | None, step: jax.Array, row: jax.Array, tally: Tally, where: jax.Array) -> Stats | None:
    """Add `tally` `[N, m, K]` to the rows `row` int32 [N, m] of statistics `[N, n, K]` where `where` `[N, m]`.

    The rows that are written must differ.
    """
    if stats is None:
        return None
    value = add(stats.value, row, tally.amount.astype(jnp.float32), where)
    if stats.meta is None:
        return Stats(value, None)
    meta = _meta(jax.tree.map(lambda x: pick(x, row), stats.meta), step, tally)
    return Stats(value, jax.tree.map(lambda x, y: put(x, row, y, where), stats.meta, meta))


def _meta(meta: StatMeta, step: jax.Array, tally: Tally) -> StatMeta:
    assert tally.updates is not None  # the layout says what is kept
    assert tally.first is not None
    happened = tally.updates > 0
    now = jnp.broadcast_to(step[:, None, None], happened.shape)
    first_value = jnp.where(happened & (meta.updates == 0), tally.first.astype(jnp.float32), meta.first_value)
    return StatMeta(
        updates=_more(meta.updates, tally.updates),
        first_step=jnp.where(happened, jnp.minimum(meta.first_step, now), meta.first_step),
        last_step=jnp.where(happened, jnp.maximum(meta.last_step, now), meta.last_step),
        first_value=first_value,
    )


def _more(updates: jax.Array, number: jax.Array | int) -> jax.Array:
    """The sum, or the largest int32: without a step limit there is no end to what may be counted."""
    return updates + jnp.minimum(number, _MOST_UPDATES - updates)


def record_tokens(stats: Stats | None, num_tokens: jax.Array, room: int, step: jax.Array) -> Stats | None:
    """Count the observations of one step: `num_tokens` `[N, A]` before the cut. `stats` is `[N, 1, 3]`."""
    if stats is None:
        return None
    written = jnp.minimum(num_tokens, room)
    counts = jnp.stack([written, num_tokens - written, room - written], axis=-1).astype(jnp.float32)
    if stats.meta is None:
        return Stats(stats.value + jnp.sum(counts, axis=1, keepdims=True), None)

    def add(i: jax.Array, value: jax.Array) -> jax.Array:
        return value + jax.lax.dynamic_slice_in_dim(counts, i, 1, 1)

    num_agents = num_tokens.shape[1]
    value = jax.lax.fori_loop(0, num_agents, add, stats.value)  # each rounded by itself
    meta, is_first = stats.meta, stats.meta.updates == 0
    now = jnp.broadcast_to(step[:, None, None], value.shape)
    return Stats(
        value,
        StatMeta(
            updates=_more(meta.updates, num_agents),
            first_step=jnp.minimum(meta.first_step, now),
            last_step=now,
            first_value=jnp.where(is_first, counts[:, :1], meta.first_value),
        ),
    )
