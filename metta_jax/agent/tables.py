"""What binding to an environment decides, as arrays: another environment means other numbers, not another program."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent.features import FeatureBinding
from metta_jax.mettagrid.spaces import ActionSpace


class AgentTables(flax.struct.PyTreeNode):
    """Lookup tables of a bound agent.

    feature_remap: int32 [256], environment feature id -> policy feature id, 255 = dropped.
    feature_normalization: float32 [256] by policy feature id.
    action_rows: int32 [F], rows of the action embedding table.
    flat_actions: int32 [F, 2]. action_offsets, max_args: int32 [action_types].
    """

    feature_remap: jax.Array
    feature_normalization: jax.Array
    action_rows: jax.Array
    flat_actions: jax.Array
    action_offsets: jax.Array
    max_args: jax.Array

    @classmethod
    def make(cls, features: FeatureBinding, action_space: ActionSpace, action_rows: np.ndarray) -> AgentTables:
        """Tables of a binding, still as NumPy arrays: making an agent touches no device."""
        tables: dict[str, Any] = {
            "feature_remap": features.remap,
            "feature_normalization": features.normalization,
            "action_rows": action_rows,
            "flat_actions": action_space.flat_actions(),
            "action_offsets": np.asarray(action_space.offsets, np.int32),
            "max_args": np.asarray(action_space.max_args, np.int32),
        }
        return cls(**tables)

    def on_device(self) -> AgentTables:
        """The same tables as JAX arrays (constants, inside a traced function)."""
        return jax.tree.map(jnp.asarray, self)
