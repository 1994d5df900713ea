"""Who plays: the candidate and, for a share of the agents, another policy."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import numpy as np

from metta_jax.agent import Agent, SavedPolicies, SavedPolicy
from metta_jax.config import SingleEnvSimulationConfig
from metta_jax.core.pytree import PyTree
from metta_jax.mettagrid import EnvSpec
from metta_jax.mettagrid.arguments import kind_of

PlayedPolicy: TypeAlias = SavedPolicy | tuple[Agent, Mapping[str, Any]]
"""A policy record, or a pair (agent, params)."""


class SimulationCompatibilityError(ValueError):
    """A policy cannot play in the environment of a simulation."""


@dataclasses.dataclass(frozen=True, eq=False)
class Player:
    """A policy as the database knows it: `key` is its URI, `version` the epoch it was saved in."""

    agent: Agent
    params: Mapping[str, Any]
    key: str
    version: int

    @functools.cached_property
    def digest(self) -> str:
        """12 hex digits of the parameters: another policy may be saved under the same URI and epoch."""
        return _digest(self.params)

    def bind(self, env: EnvSpec) -> Player:
        """For another environment, without learning: features that the policy does not know become 255."""
        return dataclasses.replace(self, agent=self.agent.bind(env, learn_new=False))


def read_player(policy: PlayedPolicy) -> Player:
    """From a policy record, or a pair (agent, params).

    A pair is named after what it contains, `memory://<12 hex digits>`, version 0.

    Raises:
      ValueError: a record without a URI.
      TypeError: it is neither.
    """
    if isinstance(policy, tuple) and len(policy) == 2 and isinstance(policy[0], Agent):
        agent, params = policy
        if not isinstance(params, Mapping):
            hint = "; give its .params" if hasattr(params, "params") else ""
            raise TypeError(
                f"policy_pr: (agent, params): params is {kind_of(params)}, not a mapping of parameters{hint}"
            )
        return Player(agent, params, f"memory://{_digest(params)}", 0)
    if isinstance(policy, tuple) or not all(hasattr(policy, name) for name in ("uri", "metadata", "agent", "params")):
        raise TypeError(
            f"policy_pr: {type(policy).__name__} is neither a PolicyRecord nor a pair (agent, params){_hint(policy)}"
        )
    key, version = key_and_version(policy)
    return Player(policy.agent, policy.params, key, version)


def key_and_version(record: PlayedPolicy | Player) -> tuple[str, int]:
    """URI and epoch of a policy record; also of a pair (agent, params).

    Raises a ValueError for a record without a URI.
    """
    if isinstance(record, Player):
        return record.key, record.version
    if isinstance(record, tuple):
        return f"memory://{_digest(record[1])}", 0
    if not record.uri:
        raise ValueError("PolicyRecord must have a URI to be used in EvalStatsDB queries.")
    return str(record.uri), int(record.metadata.get("epoch", 0))


def seats(config: SingleEnvSimulationConfig, num_agents: int) -> tuple[int, int]:
    """How many agents the candidate and the other policy play: the first ones are the candidate's.

    Raises a ValueError if an agent is left without a policy.
    """
    ours = max(1, int(num_agents * config.policy_agents_pct))
    if ours < num_agents and config.npc_policy_uri is None:
        raise ValueError(
            f"policy_agents_pct: {config.policy_agents_pct} leaves {num_agents - ours} of {num_agents} agents without "
            "a policy; give npc_policy_uri"
        )
    return ours, num_agents - ours


def load_npc(config: SingleEnvSimulationConfig, policy_store: SavedPolicies | None, env: EnvSpec) -> Player:
    """The other policy, bound to the environment.

    Raises:
      ValueError: there is no store to load it from.
      SimulationCompatibilityError: it cannot play here.
    """
    uri = config.npc_policy_uri
    if policy_store is None:
        raise ValueError(f"npc_policy_uri: {uri!r} cannot be loaded without policy_store")
    assert uri is not None  # `seats` saw to it
    player = read_player(policy_store.policy_record(uri))
    try:
        return player.bind(env)
    except ValueError as error:
        raise SimulationCompatibilityError(
            f"npc_policy_uri: {uri!r} cannot play in this environment: {error}"
        ) from error


def _digest(params: PyTree) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(jax.device_get(leaf)).tobytes())
    return digest.hexdigest()


def _hint(policy: Any) -> str:
    """A hint for the most common mistakes."""
    if isinstance(policy, Agent):
        return "; an agent holds no parameters, give (agent, params)"
    if hasattr(policy, "opt_state"):
        return "; give (agent, state.params)"
    if isinstance(policy, tuple) and isinstance(policy[-1], Agent):
        return "; the agent comes first"
    if isinstance(policy, str | os.PathLike):
        return f"; PolicyStore().policy_record({os.fspath(policy)!r}) reads one"
    return ""
