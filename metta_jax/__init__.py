"""MettaGrid and the Metta training API as pure functions in JAX.

Everything that users need can be imported from `metta_jax.api`. `metta_jax.make` is for those who want an
environment only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metta_jax.worlds.environment import Environment

__all__ = ["make"]

__version__ = "0.1.0"


def make(name: str = "default", **options: Any) -> Environment:
    """An environment: `env = metta_jax.make("forage", num_envs=64)`.

    `env.reset(env.params, key)` and `env.step(env.params, state, actions)` are pure; `env.action_space`,
    `env.observation_space` and `env.flat_actions` describe actions and observations.

    Args:
      name: of a world or a curriculum, see `metta_jax.worlds.list()`, or anything else that `Environment` takes.
      options: of `Environment`, such as `num_envs`, `num_agents`, `seed`, `device`.

    Raises:
      ValueError: as `Environment`.
    """
    from metta_jax.worlds.environment import Environment  # late: `import metta_jax` stays cheap

    return Environment(name, **options)
