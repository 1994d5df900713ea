"""One environment on the host: what is behind every adapter that plays a single one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from metta_jax.adapters import programs
from metta_jax.adapters.checks import check_seed
from metta_jax.adapters.episode_info import episode_info
from metta_jax.adapters.game import Game
from metta_jax.adapters.process import check_process
from metta_jax.mettagrid import EnvState, TimeStep
from metta_jax.mettagrid.original_order import iterate_original_orders

Orders = Literal["random", "original"]
ORDERS = ("random", "original")


class HostStep(NamedTuple):
    """What a reset or a step returned, for A agents with M tokens; arrays that must not be written to."""

    observation: np.ndarray  # uint8 [A, M, 3]
    reward: np.ndarray  # float32 [A]
    terminated: np.ndarray  # bool [A]
    truncated: np.ndarray  # bool [A]
    action_success: np.ndarray  # bool [A]


class Episode:
    """A game with the state of its running episode. A agents, M tokens.

    The episode of seed s is that of `MettaGrid.reset(params, jax.random.key(s))`. With orders "original" the agents act
    in the orders that the original engine draws from the seed; the rest of the game draws nothing but the map.

    Attributes:
      seed: of the running episode; None before the first reset.
      num_resets: resets so far.
      last: what the last reset or step returned; None before the first reset.
    """

    def __init__(self, game: Game, orders: Orders = "random") -> None:
        if orders not in ORDERS:
            raise ValueError(f"orders: {orders!r} is not one of {list(ORDERS)}")
        self.game = game
        self.orders = orders
        self.seed: int | None = None
        self.num_resets = 0
        self.last: HostStep | None = None
        self._seeds = np.random.default_rng()
        self._state: EnvState | None = None  # of a batch of one
        self._order: Iterator[np.ndarray] | None = None
        self._num_drawn = 0  # orders since the last reset

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_order": None}  # an iterator cannot be copied; it is recreated

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        order = None if self._state is None else self._draw_orders()
        if order is not None:
            for _ in range(self._num_drawn):
                next(order)
        self._order = order

    def reset(self, seed: int | None = None) -> HostStep:
        """Start an episode.

        Args:
          seed: 0..2^32-1, decides everything that follows, including the episodes of later resets without a seed.
            Before the first one, episodes differ from run to run.
        """
        check_process()
        if seed is None:
            self.seed = int(self._seeds.integers(1 << 32))
        else:
            self.seed = check_seed(seed)
            self._seeds = np.random.default_rng(self.seed)
        layout = self.game.layout
        self._state, timestep = programs.reset(layout, self.game.params, jax.random.key(self.seed)[None])
        self._num_drawn, self._order = 0, self._draw_orders()
        self.num_resets += 1
        self.last = _on_host(timestep)
        return self.last

    def step(self, actions: np.ndarray) -> tuple[HostStep, dict[str, Any]]:
        """Play one step with actions int32 [A, 2].

        Returns what happened, and an info: {} but in the step that ends the episode. Stepping on after it is allowed.
        """
        check_process()
        if self._state is None:
            raise RuntimeError("step: there is no episode yet; call reset first")
        was_done = self.done
        order = None if self._order is None else next(self._order)[None]
        self._num_drawn += 1
        self._state, timestep = programs.step(self.game.layout, self.game.params, self._state, actions[None], order)
        self.last = _on_host(timestep)
        ends = self.done and not was_done
        return self.last, episode_info(self.game, self.state, self.seed, self.num_resets) if ends else {}

    def _draw_orders(self) -> Iterator[np.ndarray] | None:
        if self.orders != "original" or self.seed is None:
            return None
        return iterate_original_orders(self.seed, self.game.layout.num_agents)

    @property
    def state(self) -> EnvState:
        """The engine's state, as NumPy arrays; raises a RuntimeError before the first reset."""
        if self._state is None:
            raise RuntimeError("there is no episode yet; call reset first")
        return jax.device_get(jax.tree.map(lambda x: x[0], self._state))

    @property
    def num_steps(self) -> int:
        """Steps of the running episode."""
        return 0 if self._state is None else int(self._state.step[0])

    @property
    def map_index(self) -> int:
        """Which map of the pool is played."""
        return int(self.state.map_index)

    @property
    def done(self) -> bool:
        """Whether the episode has ended; it ends for all agents at once."""
        return self.last is not None and bool((self.last.terminated | self.last.truncated).all())

    def grid_objects(self) -> dict[int, dict[str, Any]]:
        return self.game.grid.grid_objects(self.game.params, self.state)


def _on_host(batch: TimeStep) -> HostStep:
    """The one environment of a batch."""
    arrays = jax.device_get(batch)
    return HostStep(*(np.asarray(getattr(arrays, name))[0] for name in HostStep._fields))
