"""The worlds of this package."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from metta_jax.worlds.arena import arena_worlds
from metta_jax.worlds.crowds import crowd_worlds
from metta_jax.worlds.default import default_worlds
from metta_jax.worlds.diversity import diversity_worlds
from metta_jax.worlds.forage4 import forage4_worlds
from metta_jax.worlds.memory import memory_worlds
from metta_jax.worlds.multiagent import multiagent_worlds
from metta_jax.worlds.navigation import navigation_worlds
from metta_jax.worlds.navigation_sequence import navigation_sequence_worlds
from metta_jax.worlds.navigation_training import navigation_training_worlds
from metta_jax.worlds.object_use import object_use_worlds
from metta_jax.worlds.sequence_training import sequence_training_worlds
from metta_jax.worlds.simple import simple_worlds
from metta_jax.worlds.teams import team_worlds
from metta_jax.worlds.world import World


@functools.cache
def family_worlds() -> Mapping[str, World]:
    """Name -> world; those that were registered are not among them."""
    worlds = {
        **default_worlds(),
        **forage4_worlds(),
        **simple_worlds(),
        **arena_worlds(),
        **team_worlds(),
        **crowd_worlds(),
        **navigation_worlds(),
        **navigation_training_worlds(),
        **navigation_sequence_worlds(),
        **memory_worlds(),
        **sequence_training_worlds(),
        **object_use_worlds(),
        **multiagent_worlds(),
        **diversity_worlds(),
    }
    return MappingProxyType(worlds)
