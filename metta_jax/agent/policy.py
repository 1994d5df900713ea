"""What training takes as a policy: `Agent`, or a class of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import jax
import numpy as np

from metta_jax.agent.binding import PolicyNames
from metta_jax.agent.forward import PolicyOutput
from metta_jax.agent.network import Recurrent
from metta_jax.agent.tables import AgentTables
from metta_jax.core.device import Device
from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import EnvSpec
from metta_jax.mettagrid.spaces import ActionSpace


class Policy(Protocol):
    """A recurrent policy with a value, as pure functions over its parameters.

    Inherit from it: what has a value or a body here is optional then. `metta_jax.rl.check_policy` tests an instance.
    B rows, T slots, M observation tokens, F flat actions, L layers of H hidden units.
    """

    num_flat_actions: int  # F: the number of (type, argument) pairs
    flat_actions: np.ndarray  # int32 [F, 2]: (type, argument) of every flat action

    device: Device | None = None  # that it was made for; None: any
    action_space: ActionSpace | None = None  # names of the actions; None: only `flat_actions` are compared
    names: PolicyNames | None = None  # what it calls features, and its window; None: not compared with an environment's
    tables: AgentTables | None = None  # how it reads the features of its environment; None: not compared
    needs_unique_tokens: bool = False  # whether it reads nothing else right than what `BatchEnv.unique_tokens` promises
    mixes_rows: bool = False  # whether an output depends on other rows of the call, as with BatchNorm
    uses_dropout: bool = False  # whether evaluating depends on its key
    parameter_layers: Sequence[Any] = ()  # whose weights are regularized: each has `path` and `l2_init_scale`
    l2_init_weight_update_interval: int = 0  # epochs between updates of l2_init_loss's reference weights; 0: never
    analyze_weights_interval: int = 0  # epochs between two `weight_metrics`; 0: never

    def init(self, key: jax.Array) -> Any:
        """Fresh parameters, a pytree of float32 arrays; consumes `key`."""
        ...

    def initial_state(self, batch_size: int) -> Recurrent:
        """Two float32 arrays [L, batch_size, H] of zeros. A policy without recurrent state has L = H = 1."""
        ...

    def apply(
        self,
        params: PyTree,
        observation: jax.Array,
        recurrent: Recurrent,
        key: jax.Array | None = None,
        action: jax.Array | None = None,
        reset: jax.Array | None = None,
    ) -> tuple[PolicyOutput, Recurrent]:
        """The output for every row, and the recurrent state after the last slot.

        Args:
          observation: uint8 [B, M, 3] to act, [B, T, M, 3] to evaluate the given `action` [B, T, 2].
          key: acting draws from it; evaluating uses it for dropout.
          reset: bool [B] or [B, T], zeroes the recurrent state before the slot; None: never.
        """
        ...

    def bind(self, env: EnvSpec) -> Self:
        """The same policy for another environment."""
        del env
        return self

    def weight_limits(self, params: PyTree) -> Mapping[str, jax.Array]:
        """Bounds of weight clipping by layer, float32 [], from the first parameters; {}: nothing is clipped."""
        del params
        return {}

    def clip_weights(self, params: PyTree, limits: Mapping[str, jax.Array]) -> PyTree:
        """The parameters with weights clamped to `limits`."""
        del limits
        return params

    def weight_metrics(self, params: PyTree) -> Mapping[str, float | str]:
        """Metrics of the weights, on the host."""
        del params
        return {}
