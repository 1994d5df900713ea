"""Statistics: which there are, where each stands, and how events are recorded.

Statistics of agents and converters only grow. So besides a value it is enough to keep how often it was updated, when
first and last, and its first value, which is the smallest.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from metta_jax.mettagrid.features import reported_name
from metta_jax.mettagrid.types import Layout, StatMeta, Stats, StatsLevel

NEVER = 0x7FFFFFFF
TOKEN_STATS = ("tokens_written", "tokens_dropped", "tokens_free_space")
DERIVED = ("value", "first_step", "last_step", "updates", "rate", "avg", "activity_rate", "min", "max")
CONVERTER_EVENTS = ("full", "short", "started", "completed", "cooled")  # then added and removed, by item


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
    size: int


def agent_stats(layout: Layout) -> AgentStats:
    actions, items, groups = len(layout.actions), layout.num_items, layout.num_groups
    sizes = {
        "success": actions, "failed": actions, "invalid_type": 1, "invalid_arg": 1, "frozen": 1,
        "penalty": 1,
        "swap": len(layout.wall_names) + 1, "gained": items, "lost": items, "get": items, "put": items,
        "friendly": 1, "wasted": 1, "hit": groups, "hit_by": groups, "blocked_by": groups, "stolen": items * groups,
    }  # fmt: skip
    offsets, size = {}, 0
    for name, length in sizes.items():
        offsets[name] = size
        size += length
    return AgentStats(**offsets, size=size)


def agent_stat_names(layout: Layout, group: str) -> dict[str, int]:
    """{name: index} of the statistics that an agent of `group` can have."""
    at = agent_stats(layout)
    names = {}
    for i, action in enumerate(layout.actions):
        names[f"action.{reported_name(action)}.success"] = at.success + i
        names[f"action.{reported_name(action)}.failed"] = at.failed + i
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
    return names


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


class Event(NamedTuple):
    """Something that happened to each lane, `[B, ...]`; the parts may be broadcast against each other."""

    owner: jax.Array  # int32: whose statistic
    index: jax.Array  # int32: which one
    amount: jax.Array  # int32: by how much it grows
    where: jax.Array  # bool: whether it happened
    count: jax.Array | None = None  # int32: of how many equal updates the amount is made; one if None


def by_item(owner: jax.Array, first: int | jax.Array, amount: jax.Array, spacing: int = 1) -> Event:
    """An event for every item with `amount` `[B, n, I]` > 0. Statistics of items begin at `first`, `spacing` apart.

    `owner` and, if it is an array, `first` are `[B, n]`.
    """
    items = jnp.arange(amount.shape[2], dtype=jnp.int32)[None, None] * spacing
    first = jnp.broadcast_to(jnp.asarray(first, jnp.int32), owner.shape)
    return Event(owner[..., None], first[..., None] + items, amount, amount > 0)


def record(stats: Stats | None, step: jax.Array, *events: Event) -> Stats | None:
    """Adds events to statistics `[B, owners, K]`; all that happen concern different statistics.

    `step` is `[B]` int32. None records nothing.
    """
    if stats is None:
        return None
    batch, owners, size = stats.value.shape
    env = jnp.arange(batch, dtype=jnp.int32)[:, None]
    parts = zip(*map(_flat, events), strict=True)
    owner, index, amount, where, count = (jnp.concatenate(part, axis=1) for part in parts)
    flat = jnp.where(where, (env * owners + owner) * size + index, batch * owners * size)

    def at(x: jax.Array):
        return x.reshape(-1).at[flat]

    amount = amount.astype(jnp.float32)
    value = at(stats.value).add(amount, mode="drop").reshape(stats.value.shape)
    if stats.meta is None:
        return Stats(value, None)
    meta = stats.meta
    step = jnp.broadcast_to(step[:, None], flat.shape)
    is_first = at(meta.updates).get(mode="fill", fill_value=1) == 0
    single = amount / jnp.maximum(count, 1).astype(jnp.float32)
    meta = StatMeta(
        updates=at(meta.updates).add(count, mode="drop").reshape(value.shape),
        first_step=at(meta.first_step).min(step, mode="drop").reshape(value.shape),
        last_step=at(meta.last_step).max(step, mode="drop").reshape(value.shape),
        first_value=at(meta.first_value).add(jnp.where(is_first, single, 0.0), mode="drop").reshape(value.shape),
    )
    return Stats(value, meta)


def _flat(event: Event) -> tuple[jax.Array, ...]:
    """The parts of an event as `[B, n]` each."""
    count = jnp.ones_like(event.owner) if event.count is None else event.count
    shape = jnp.broadcast_shapes(*(x.shape for x in (*event[:4], count)))
    return tuple(jnp.broadcast_to(x, shape).reshape(shape[0], -1) for x in (*event[:4], count))


def record_counts(stats: Stats | None, counts: jax.Array, step: jax.Array) -> Stats | None:
    """Adds `counts` int32 `[B, owners, k]` to the first k statistics of every owner: so many updates by 1 each."""
    if stats is None:
        return None
    k = counts.shape[-1]

    def first_k(x: jax.Array, new: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(x, new, 0, -1)

    value = first_k(stats.value, stats.value[..., :k] + counts.astype(jnp.float32))
    if stats.meta is None:
        return Stats(value, None)
    meta, happened = stats.meta, counts > 0
    step = jnp.broadcast_to(step[:, None, None], counts.shape)
    first, last = meta.first_step[..., :k], meta.last_step[..., :k]
    return Stats(
        value,
        StatMeta(
            updates=first_k(meta.updates, meta.updates[..., :k] + counts),
            first_step=first_k(meta.first_step, jnp.where(happened, jnp.minimum(first, step), first)),
            last_step=first_k(meta.last_step, jnp.where(happened, jnp.maximum(last, step), last)),
            first_value=first_k(meta.first_value, jnp.where(happened, 1.0, meta.first_value[..., :k])),
        ),
    )


def record_tokens(stats: Stats | None, num_tokens: jax.Array, room: int, step: jax.Array) -> Stats | None:
    """Counts the observations of one step: `num_tokens` `[B, A]` before the cut. `stats` is `[B, 1, 3]`."""
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
            updates=meta.updates + num_agents,
            first_step=jnp.minimum(meta.first_step, now),
            last_step=now,
            first_value=jnp.where(is_first, counts[:, :1], meta.first_value),
        ),
    )
