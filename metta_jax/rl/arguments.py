"""Errors for arguments that are easily mixed up in the training calls."""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from metta_jax.config import TrainerConfig
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.rl.train_state import TrainState


def check_given(env: Any, agent: Any, config: Any, optimizer: Any, policy_store: Any) -> None:
    """Raise ValueError for arguments that are easily mixed up."""
    if hasattr(env, "initial_state"):
        raise ValueError(f"env: {kind_of(env)} is given; the order is create(env, agent, trainer_config)")
    if isinstance(agent, tuple):
        raise ValueError(
            "agent: a pair is given; give the agent alone, its parameters go to training.init(key, params)"
        )
    if isinstance(agent, str) or (isinstance(agent, nn.Module) and not hasattr(agent, "num_flat_actions")):
        shown = repr(agent) if isinstance(agent, str) else f"{type(agent).__name__}(...)"
        raise ValueError(f"agent: {shown} is a network, an Agent is needed: Agent(env, {shown})")
    if not isinstance(config, TrainerConfig):
        raise ValueError(f"trainer_config: {kind_of(config)} is not a TrainerConfig; TrainerConfig(...) makes one")
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        shown = repr(optimizer) if isinstance(optimizer, str) else kind_of(optimizer)
        raise ValueError(
            f"optimizer: {shown} is not an optax transformation; give one, such as optax.adam(1e-3), or set the "
            "trainer_config's"
        )
    if policy_store is not None and not hasattr(policy_store, "policy_record"):
        raise ValueError(f"policy_store: {kind_of(policy_store)} is not a PolicyStore")


def check_state(state: Any) -> None:
    """Raise ValueError unless this is a TrainState."""
    if not isinstance(state, TrainState):
        raise ValueError(f"state: {kind_of(state)} is not a TrainState; training.init(key) makes the first one")


def check_functions(**functions: Any) -> None:
    """Raise ValueError for arguments that are neither None nor callable."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            shown = repr(function) if isinstance(function, str) else kind_of(function)
            raise ValueError(f"{name}: {shown} is not a function")


def check_params(params: Any) -> None:
    """Raise ValueError for a policy or a state in place of parameters."""
    if isinstance(params, tuple | TrainState) or hasattr(params, "apply"):
        raise ValueError(f"params: {kind_of(params)} is given; give the parameters alone, init(key, params)")
