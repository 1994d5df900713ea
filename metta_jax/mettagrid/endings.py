"""How an episode ends: by the step limit, which terminates as in the original, or by a rule that truncates.

To add a truncation rule, give `config.GameConfig` a field, bool and False by default, and `TRUNCATIONS` an entry of the
same name. `N` environments; rules have a leading axis of 1 or N.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import jax
import jax.numpy as jnp

from metta_jax.config import GameConfig
from metta_jax.mettagrid.types import EnvState, Rules

TruncationFn: TypeAlias = Callable[[Rules, EnvState], jax.Array]
"""The rules of the game and the state after a step -> which episodes are cut off there, bool [N]."""


def at_step_limit(rules: Rules, state: EnvState) -> jax.Array:
    """Return which episodes have reached their step limit, bool [N]."""
    return (rules.max_steps > 0) & (state.step >= rules.max_steps)


TRUNCATIONS: Mapping[str, TruncationFn] = MappingProxyType({"episode_truncates": at_step_limit})
"""By the field of `GameConfig` that switches the rule on. Which are on is data: `Rules.truncations`, in this order."""


def truncations(config: GameConfig) -> tuple[bool, ...]:
    """Return for each rule of the table whether the game has it."""
    return tuple(bool(getattr(config, name)) for name in TRUNCATIONS)


def endings(rules: Rules, state: EnvState) -> tuple[jax.Array, jax.Array]:
    """Return which episodes end with this state for good and which are cut off, each bool [N].

    An episode that terminates is not truncated as well.
    """
    cut_off = jnp.stack([truncation_fn(rules, state) for truncation_fn in TRUNCATIONS.values()], axis=1)
    cut_off &= rules.truncations
    limit_truncates = rules.truncations[:, list(TRUNCATIONS).index("episode_truncates")]
    terminated = at_step_limit(rules, state) & ~limit_truncates
    return terminated, jnp.any(cut_off, axis=1) & ~terminated
