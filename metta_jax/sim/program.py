"""The compiled part of a simulation: many episodes side by side, a chunk of steps a call.

Everything static is in one hashable `Program`, and `jit` is told so: simulations whose worlds have one layout, and
whose policies have one network, share what was compiled. N environments of A agents play one episode each.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from metta_jax.agent import forward
from metta_jax.agent.network import Recurrent
from metta_jax.agent.tables import AgentTables
from metta_jax.mettagrid import EnvParams, EnvState, step
from metta_jax.mettagrid.batching import shared_rules
from metta_jax.mettagrid.environment import drawn_keys
from metta_jax.mettagrid.types import Layout
from metta_jax.replays.frames import Frame, empty_frames, take_frame, write_frame


@dataclasses.dataclass(frozen=True)
class Seats:
    """A policy's part of every environment: its network, its recurrent shape, and how many agents it plays."""

    network: nn.Module
    num_layers: int
    hidden_size: int
    num_agents: int


@dataclasses.dataclass(frozen=True)
class Program:
    """What is static. The first seats play the first agents. `num_frames`: how many steps of a call are recorded."""

    layout: Layout
    seats: tuple[Seats, ...]
    greedy: bool = False
    num_frames: int = 0


class Mind(flax.struct.PyTreeNode):
    """The arrays of a policy."""

    params: Mapping[str, Any]
    tables: AgentTables


class Episodes(flax.struct.PyTreeNode):
    """The running episodes of N environments."""

    env: EnvState  # [N, ...]
    observation: jax.Array  # uint8 [N, A, M, 3]
    recurrent: tuple[Recurrent, ...]  # by policy, each [L, N * its agents, H]
    key: jax.Array  # typed keys [N] that actions are drawn from


@functools.partial(jax.jit, static_argnums=0)
def start(program: Program, params: EnvParams, key: jax.Array, episode: jax.Array) -> Episodes:
    """Episodes before their first step.

    Args:
      key: of the simulation. Episode i is a function of it and of i alone, not of how many play alongside it.
      episode: int32 [N], numbers of the episodes. Number i plays map i modulo the number of maps.
    """
    keys = jax.vmap(lambda i: jax.random.split(jax.random.fold_in(key, i)))(episode)
    num_maps = params.maps.height.shape[0]
    env, timestep = step.reset(program.layout, shared_rules(params), keys[:, 0], episode % num_maps)
    recurrent = tuple(_first_recurrent(seats, episode.shape[0]) for seats in program.seats)
    return Episodes(env, timestep.observation, recurrent, keys[:, 1])


@functools.partial(jax.jit, static_argnums=0)
def play(
    program: Program, params: EnvParams, minds: tuple[Mind, ...], state: Episodes, num_steps: jax.Array
) -> tuple[Episodes, Frame | None]:
    """Play `num_steps` (int32 [], data) steps; at most `num_frames` if they are recorded.

    Returns:
      The state, and frames `[num_frames, N, ...]` of which the first `num_steps` are written; None without recording.
    """
    rules = shared_rules(params)

    def one_step(index: jax.Array, carry: tuple[Episodes, Frame | None]) -> tuple[Episodes, Frame | None]:
        state, frames = carry
        actions, recurrent = _act(program, minds, state)
        keys = drawn_keys(state.env, program.layout.num_agents)
        env, timestep = step.step(program.layout, rules, state.env, actions, keys)
        if frames is not None:
            frame = take_frame(program.layout, env, actions, timestep.action_success, timestep.reward)
            frames = write_frame(frames, index, frame)
        return state.replace(env=env, observation=timestep.observation, recurrent=recurrent), frames

    frames = empty_frames(first_frame(program.layout, state.env), program.num_frames) if program.num_frames else None
    return jax.lax.fori_loop(0, num_steps, one_step, (state, frames))


@functools.partial(jax.jit, static_argnums=0)
def first_frame(layout: Layout, env: EnvState) -> Frame:
    """The frame of states before the first step: no agent has done anything."""
    shape = env.cell.shape
    nothing = jnp.zeros((*shape, 2), jnp.int32)
    return take_frame(layout, env, nothing, jnp.zeros(shape, bool), jnp.zeros(shape, jnp.float32))


def _act(program: Program, minds: tuple[Mind, ...], state: Episodes) -> tuple[jax.Array, tuple[Recurrent, ...]]:
    """Actions int32 [N, A, 2] of all policies, and their recurrent states."""
    num_envs = state.env.step.shape[0]
    keys = jax.vmap(jax.random.fold_in)(state.key, state.env.step)
    actions, states, first = [], [], 0
    for number, (seats, mind, recurrent) in enumerate(zip(program.seats, minds, state.recurrent, strict=True)):
        observation = jax.lax.slice_in_dim(state.observation, first, first + seats.num_agents, axis=1)
        flat = observation.reshape(-1, *observation.shape[2:])
        no_reset = jnp.zeros((flat.shape[0],), bool)  # recurrent states begin with the episode
        output, recurrent = forward.act(seats.network, mind.params, mind.tables, flat, recurrent, no_reset, None)
        action = output.action
        if not program.greedy:
            seat_keys = jax.vmap(lambda key, number=number: jax.random.fold_in(key, number))(keys)
            log_probs = output.log_probs.reshape(num_envs, seats.num_agents, -1)
            drawn = jax.vmap(lambda key, x: jax.random.categorical(key, x, axis=-1))(seat_keys, log_probs)
            action = mind.tables.flat_actions[drawn.reshape(-1)]
        actions.append(action.reshape(num_envs, seats.num_agents, 2))
        states.append(recurrent)
        first += seats.num_agents
    return jnp.concatenate(actions, axis=1), tuple(states)


def _first_recurrent(seats: Seats, num_envs: int) -> Recurrent:
    shape = (seats.num_layers, num_envs * seats.num_agents, seats.hidden_size)
    return jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32)
