"""A trained policy as a plain callable, for any engine that emits MettaGrid's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metta_jax.adapters.checks import check_observations, check_seed
from metta_jax.adapters.process import check_process
from metta_jax.agent import Agent
from metta_jax.mettagrid import EnvSpec


@dataclass(frozen=True)
class EngineFacts:
    """What a policy must know of an engine; any object with these attributes does as well.

    Attributes:
      action_names: as the engine reports them, in the order of action indices.
      max_action_args: the largest argument of each, a sequence or a mapping by name.
      features: {feature name: {"id", "normalization"}}.
      obs_width, obs_height: of the window that an agent sees.
      num_observation_tokens: M.
    """

    action_names: Sequence[str]
    max_action_args: Sequence[int] | Mapping[str, int]
    features: Mapping[str, Mapping[str, float]]
    obs_width: int
    obs_height: int
    num_observation_tokens: int

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        return {name: dict(entry) for name, entry in self.features.items()}


class PolicyDriver:
    """Play with an agent and its parameters: observations in, actions out, NumPy arrays both.

    Args:
      agent: a trained agent.
      params: its parameters.
      engine: the engine that is played, which may have other features, actions and numbers of tokens than the one that
        the policy was trained on: names are matched. Its facts are those of `EngineFacts`; None: the trained one.
      seed: of the actions that are drawn; 0..2^32-1.
      greedy: take the most probable actions.

    The recurrent state is kept between calls. Nothing compiles after the first call with a number of agents.

    Raises:
      ValueError: the engine's facts do not fit the policy.
    """

    def __init__(
        self,
        agent: Agent,
        params: Mapping[str, Any],
        engine: EnvSpec | None = None,
        *,
        seed: int = 0,
        greedy: bool = False,
    ) -> None:
        self.agent = agent if engine is None else agent.bind(engine)
        self.params = params
        self.greedy = greedy
        self._num_tokens = None if engine is None else int(engine.num_observation_tokens)
        self._seeds = np.random.default_rng(check_seed(seed))
        self._recurrent: tuple[np.ndarray, np.ndarray] | None = None

    def reset(self) -> None:
        """Forget what was seen: call it when an episode begins."""
        self._recurrent = None

    def __call__(self, observations: npt.ArrayLike, reset: npt.ArrayLike | None = None) -> np.ndarray:
        """Actions int32 [A, 2] (type, argument) for observations uint8 [A, M, 3]; [2] for [M, 3].

        Args:
          reset: bool [A], whose recurrent state is cleared before this call: those whose episode ended just now.

        Raises:
          ValueError: observations of another shape or dtype, or of another number of agents than in the last call
            without a `reset()` between.
        """
        check_process()
        given = np.asarray(observations)
        tokens = given.shape[-2] if self._num_tokens is None and given.ndim >= 2 else self._num_tokens
        single = given.ndim == 2
        batch = given[None] if single else given
        batch = check_observations(batch, (len(batch) if batch.ndim else 0, tokens or 0, 3))
        seed = None if self.greedy else int(self._seeds.integers(1 << 32))
        actions, self._recurrent = self.agent.act_numpy(
            self.params, batch, self._recurrent, seed, reset=reset, greedy=self.greedy
        )
        return actions[0] if single else actions
