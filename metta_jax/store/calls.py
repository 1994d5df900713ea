"""The calls of a training program: save this policy, load that one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from metta_jax.agent import Policy
from metta_jax.mettagrid.arguments import kind_of
from metta_jax.store.policy_store import PolicyStore
from metta_jax.store.record import AnyPolicy, PolicyRecord, as_policy
from metta_jax.store.uris import path_of


def save_checkpoint(
    policy: AnyPolicy,
    policy_store: PolicyStore,
    epoch: int,
    metadata: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    agent: Policy | None = None,
    parent: PolicyRecord | None = None,
) -> PolicyRecord:
    """Save a policy as `model_<epoch>/` in the store's directory, atomically.

    Args:
      policy: an agent (with `params=`), a pair (agent, params), a record, or a TrainState (with `agent=`), whose
        agent_step goes into the metadata, as do its weight_limits if there are any, for runs that start from the
        policy.
      epoch: of training; names the directory, and is part of the metadata.
      metadata: anything that JSON can hold: {"score": 0.95}. agent_step, generation and train_time default to 0.
      params: the parameters, if `policy` is an agent.
      agent: the network, if `policy` is a TrainState.
      parent: the policy that training started from: gives `initial_pr` (its uri) and `generation` (its own + 1), unless
        the metadata has them.

    Returns:
      The record, with `uri` and metadata; it reads its arrays on first use.

    Raises:
      ValueError: no parameters, parameters of another network, or metadata that cannot be stored.
    """
    if not hasattr(policy_store, "policy_record"):
        raise ValueError(
            f"policy_store: {kind_of(policy_store)} is not a PolicyStore; it is save_checkpoint(policy, store, epoch)"
        )
    found_agent, found_params = as_policy(policy, params, agent)
    fields = dict(metadata or {})
    state: Any = policy  # if it is one
    if hasattr(policy, "agent_step"):
        fields.setdefault("agent_step", int(state.agent_step))
    if getattr(policy, "weight_limits", None) and hasattr(policy, "opt_state"):
        # A float32 survives the round trip through a 64-bit decimal unchanged.
        fields.setdefault("weight_limits", {name: float(x) for name, x in state.weight_limits.items()})
    if parent is not None:
        fields.setdefault("initial_pr", parent.uri)
        fields.setdefault("generation", parent.metadata.generation + 1)
    return policy_store.save(found_agent, found_params, epoch, fields)


def load_checkpoint(policy_store: PolicyStore, path: str | os.PathLike[str]) -> PolicyRecord:
    """The policy at `path`, or the one with the highest epoch if `path` is a directory of policies.

    Raises:
      ValueError: "No policy records found at X", "Invalid URI: X", or a damaged policy.
    """
    if not hasattr(policy_store, "policy_record"):
        raise ValueError(
            f"policy_store: {kind_of(policy_store)} is not a PolicyStore; it is load_checkpoint(store, path)"
        )
    path_of(path)
    return policy_store.policy_record(path, selector_type="latest")
