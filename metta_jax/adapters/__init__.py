"""The environment in the calls of other libraries, and policies as plain callables.

`NumpyEnv` and `PolicyDriver` need nothing else; the others need gymnasium or PettingZoo, which are imported when their
adapter is first used: `pip install 'metta-jax[adapters]'`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from metta_jax.adapters.episode_info import episode_info
from metta_jax.adapters.game import Game, make_game
from metta_jax.adapters.numpy_env import NumpyEnv
from metta_jax.adapters.policy import EngineFacts, PolicyDriver
from metta_jax.mettagrid.original_order import original_orders

if TYPE_CHECKING:
    from metta_jax.adapters.gymnasium_env import GymnasiumEnv, GymnasiumMultiAgentEnv
    from metta_jax.adapters.gymnasium_registry import register_worlds
    from metta_jax.adapters.gymnasium_vector import GymnasiumVectorEnv
    from metta_jax.adapters.gymnasium_wrappers import MultiToDiscreteWrapper, SingleAgentWrapper
    from metta_jax.adapters.pettingzoo_env import PettingZooEnv

__all__ = [
    "EngineFacts",
    "Game",
    "GymnasiumEnv",
    "GymnasiumMultiAgentEnv",
    "GymnasiumVectorEnv",
    "MultiToDiscreteWrapper",
    "NumpyEnv",
    "PettingZooEnv",
    "PolicyDriver",
    "SingleAgentWrapper",
    "episode_info",
    "make_game",
    "original_orders",
    "register_worlds",
]

_OPTIONAL = {
    "GymnasiumEnv": "gymnasium_env",
    "GymnasiumMultiAgentEnv": "gymnasium_env",
    "GymnasiumVectorEnv": "gymnasium_vector",
    "MultiToDiscreteWrapper": "gymnasium_wrappers",
    "PettingZooEnv": "pettingzoo_env",
    "SingleAgentWrapper": "gymnasium_wrappers",
    "register_worlds": "gymnasium_registry",
}


def __getattr__(name: str) -> Any:
    if name not in _OPTIONAL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_OPTIONAL[name]}"), name)
