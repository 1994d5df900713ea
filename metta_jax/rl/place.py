"""Where a run is: its environment says so, and everything else comes to it."""

from __future__ import annotations

from typing import Any, TypeVar

import jax
from jax.core import Tracer

from metta_jax.agent import Policy
from metta_jax.agent.device import default_device, device_name, device_of, find_device
from metta_jax.core.device import Device
from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import BatchEnv

_Tree = TypeVar("_Tree")


def put_beside(env_params: PyTree, tree: _Tree) -> _Tree:
    """The arrays of `tree` on the device of `env_params`; those that are there already are not copied.

    If `env_params` were put on no device by name, what was put on one goes to JAX's default. What is on several devices
    stays then: it was divided on purpose, and the environment's arrays will follow.
    """
    device = device_of(env_params)
    return jax.tree.map(lambda leaf: _moved(leaf, device), tree)


def _moved(leaf: Any, device: Device | None) -> Any:
    if not isinstance(leaf, jax.Array) or isinstance(leaf, Tracer):
        return leaf
    if device is not None:
        return jax.device_put(leaf, device)
    there = device_of(leaf)
    return leaf if there in (None, default_device()) else jax.device_put(leaf, default_device())


def check_agent_device(agent: Policy, env: BatchEnv, devices: int | str | None = None) -> None:
    """Raise ValueError if the agent was made for another device than the environment's.

    `devices`: of the configuration; with several, advice to put the environment on one of them would be wrong.
    """
    wanted = agent.device
    if wanted is None:
        return
    here = device_of(env.params)
    device = default_device() if here is None else here
    if device != wanted:
        whose = " (JAX's default)" if here is None else ""
        advice = f"the environment decides where a run is: {_where(wanted)}, or leave out the agent's"
        if devices not in (None, 1):
            advice = f"{_divided(devices)}, so leave out the agent's"
        raise ValueError(
            f"device: the agent is for {device_name(wanted)}, the environment on {device_name(device)}{whose}; {advice}"
        )


def check_env_device(device: Device | str | None, env: BatchEnv, devices: int | str | None = None) -> None:
    """Raise ValueError if the requested device is not the environment's; `devices` as of `check_agent_device`."""
    wanted = find_device(device)
    here = device_of(env.params) or default_device()
    if wanted is not None and wanted != here:
        problem = f"device: {device_name(wanted)} was requested, but the environment is on {device_name(here)}"
        if devices not in (None, 1):
            raise ValueError(f"{problem}; {_divided(devices)}, so leave it out")
        raise ValueError(f"{problem} and decides where a run computes: {_where(wanted)}")


def _where(device: Device) -> str:
    return f"Environment(..., device={device_name(device)!r})"


def _divided(devices: int | str | None) -> str:
    return f"trainer.devices {devices!r} divides the run, and divide_training(training, device) chooses their kind"
