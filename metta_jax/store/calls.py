"""The calls of a training program: save this policy, load that one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from metta_jax.store.policy_store import PolicyStore
from metta_jax.store.record import PolicyRecord, as_policy
from metta_jax.store.uris import path_of


def save_checkpoint(
    policy: Any,
    policy_store: PolicyStore,
    epoch: int,
    metadata: Mapping[str, Any] | None = None,
    params: Any = None,
    *,
    agent: Any = None,
    parent: PolicyRecord | None = None,
) -> PolicyRecord:
    """Saves a policy as `model_<epoch>/` in the store's directory, atomically.

    Args:
      policy: an agent (with `params=`), a pair (agent, params), a record, or a TrainState (with `agent=`), whose
        agent_step goes into the metadata.
      epoch: of training; names the directory, and is part of the metadata.
      metadata: anything that JSON can hold: {"score": 0.95}. agent_step, generation and train_time default to 0.
      params: the parameters, if `policy` is an agent.
      agent: the network, if `policy` is a TrainState.
      parent: the policy that training started from: gives `initial_pr` (its uri) and `generation` (its own + 1), unless
        the metadata has them.

    Returns:
      The record, with `uri` and metadata; it reads its arrays when they are asked for.

    Raises:
      ValueError: no parameters, parameters of another network, or metadata that cannot be stored.
    """
    found_agent, found_params = as_policy(policy, params, agent)
    fields = dict(metadata or {})
    if hasattr(policy, "agent_step"):
        fields.setdefault("agent_step", int(policy.agent_step))
    if parent is not None:
        fields.setdefault("initial_pr", parent.uri)
        fields.setdefault("generation", parent.metadata.generation + 1)
    return policy_store.save(found_agent, found_params, epoch, fields)


def load_checkpoint(policy_store: PolicyStore, path: str | os.PathLike[str]) -> PolicyRecord:
    """The policy at `path`, or the one with the highest epoch if `path` is a directory of policies.

    Raises:
      ValueError: "No policy records found at X", "Invalid URI: X", or a damaged policy.
    """
    path_of(path)
    return policy_store.policy_record(path, selector_type="latest")
