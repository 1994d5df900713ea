"""The named worlds under gymnasium's ids."""

from __future__ import annotations

from typing import Any

from metta_jax.adapters.extras import require
from metta_jax.adapters.gymnasium_env import GymnasiumEnv
from metta_jax.adapters.gymnasium_vector import GymnasiumVectorEnv
from metta_jax.worlds import list as list_worlds

gym: Any = require("gymnasium")


def register_worlds() -> dict[str, str]:
    """Make `gymnasium.make("metta_jax/<world>-v0")` work for every named world: {id: world}.

    A "/" in a world's name is a "-" in its id. The environments are those of `GymnasiumEnv`, with its options as
    keyword arguments; the other agents of a world are idle unless `others` says what plays them. `gymnasium.make_vec`
    makes a `GymnasiumVectorEnv` of worlds of one agent. May be called again.
    """
    ids = {f"metta_jax/{world.replace('/', '-')}-v0": world for world in list_worlds()}
    for name, world in ids.items():
        if name not in gym.registry:
            # Episodes end by the game's own limit, of which gymnasium need not know.
            # As strings, so that a spec can be saved as JSON and loaded in another process.
            gym.register(
                name,
                entry_point=f"{__name__}:make_world",
                vector_entry_point=f"{__name__}:make_vector_world",
                kwargs={"world": world},
            )
    return ids


def make_world(world: str, *, others: Any = "idle", **options: Any) -> GymnasiumEnv:
    """What `gymnasium.make` calls."""
    return GymnasiumEnv(world, others=others, **options)


def make_vector_world(world: str, *, num_envs: int = 1, **options: Any) -> GymnasiumVectorEnv:
    """What `gymnasium.make_vec` calls."""
    return GymnasiumVectorEnv(world, num_envs=num_envs, **options)
