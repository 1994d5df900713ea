"""Playing a given number of episodes, with a look at the clock between chunks of steps. Host code."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.device import default_device
from metta_jax.core.device import Device
from metta_jax.mettagrid import EnvState
from metta_jax.mettagrid.types import Layout
from metta_jax.replays.frames import Frame
from metta_jax.sim.players import Player
from metta_jax.sim.program import Mind, Program, Seats, first_frame, play, start
from metta_jax.sim.world import SimWorld

CHUNK_SECONDS = 0.25  # how long a chunk of steps should take, so that a time limit is kept to within about that
FIRST_CHUNK = 8  # steps
RECORDED_CHUNK = 128  # steps kept on the device when they are recorded


@dataclasses.dataclass(frozen=True, eq=False)
class PlayedEpisode:
    """A finished episode: its number, the state after its last step, and its frames `[T, ...]` if recorded."""

    number: int
    state: EnvState
    first: Frame | None
    frames: Frame | None


def play_episodes(
    world: SimWorld,
    players: list[tuple[Player, int]],
    key: jax.Array,
    num_episodes: int,
    *,
    max_time_s: float,
    greedy: bool = False,
    record: bool = False,
    device: Device | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[PlayedEpisode]]:
    """Exactly `num_episodes` episodes, as batches of those that were played side by side; fewer when time is up.

    All episodes form one batch if they fit one chunk of the engine's path; otherwise they are played in rounds of equal
    size. The clock starts when everything is compiled.

    Args:
      players: policies and how many agents of every environment each plays.
      max_time_s: no more steps are taken after this many seconds.
      device: a jax.Device, or None for JAX's default.
    """
    program = Program(
        layout=world.layout,
        seats=tuple(Seats(p.agent.network, p.agent.num_layers, p.agent.hidden_size, n) for p, n in players),
        greedy=greedy,
        num_frames=RECORDED_CHUNK if record else 0,
    )
    minds: Any = tuple(Mind(player.params, player.agent.tables.on_device()) for player, _ in players)
    # Always put somewhere: arrays that were (those of a stored policy) and those that were not compile apart.
    device = default_device() if device is None else device
    params, minds, key = jax.device_put((world.params, minds, key), device)
    num_envs = _round_size(num_episodes, world.layout)
    max_steps = world.grid.max_steps
    started = None
    chunk = FIRST_CHUNK
    for first in range(0, num_episodes, num_envs):
        numbers = np.arange(first, first + num_envs, dtype=np.int32)
        state = start(program, params, key, jnp.asarray(numbers))
        opening = jax.device_get(first_frame(program.layout, state.env)) if record else None
        recorded = []
        if started is None:
            jax.block_until_ready(play(program, params, minds, state, jnp.int32(0)))  # compiles, plays nothing
            started = clock()
        done = 0
        while done < max_steps:
            before = clock()
            if before - started >= max_time_s:
                return
            count = min(chunk, max_steps - done, RECORDED_CHUNK if record else max_steps)
            state, frames = play(program, params, minds, state, jnp.int32(count))
            jax.block_until_ready(state)
            if frames is not None:
                recorded.append(jax.tree.map(lambda x, n=count: np.asarray(x)[:n], frames))
            done += count
            chunk = _next_chunk(count, clock() - before)
        last = jax.device_get(state.env)
        frames = jax.tree.map(lambda *x: np.concatenate(x), *recorded) if record else None
        yield [
            PlayedEpisode(
                number=int(number),
                state=_episode(last, i),
                first=None if opening is None else jax.tree.map(lambda x, i=i: x[i], opening),
                frames=None if frames is None else jax.tree.map(lambda x, i=i: x[:, i], frames),
            )
            for i, number in enumerate(numbers)
            if number < num_episodes
        ]


def _episode(state: EnvState, index: int) -> EnvState:
    return jax.tree.map(lambda x: x[index], state)


def _round_size(num_episodes: int, layout: Layout) -> int:
    """Episodes that are played side by side: as many as fit, in rounds of equal size."""
    most = num_episodes if layout.path.chunk_agents is None else max(layout.path.chunk_agents // layout.num_agents, 1)
    num_rounds = math.ceil(num_episodes / most)
    return math.ceil(num_episodes / num_rounds)


def _next_chunk(steps: int, seconds: float) -> int:
    """Steps of the next chunk, so that it takes about CHUNK_SECONDS; at most four times as many as before."""
    wanted = steps * CHUNK_SECONDS / max(seconds, 1e-6)
    return max(1, min(int(wanted), 4 * steps))
