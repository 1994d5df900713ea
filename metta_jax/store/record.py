"""A policy that is or will be on disk: what is known about it, and its network, read on first use."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import flax.linen as nn
import jax

from metta_jax.agent import Agent, Policy
from metta_jax.core.pytree import PyTree
from metta_jax.rl import TrainState
from metta_jax.store.metadata import PolicyMetadata
from metta_jax.store.uris import path_of

AgentAndParams: TypeAlias = tuple[Agent, Mapping[str, Any]]


class PolicySource(Protocol):
    """What a record needs of a store."""

    def load_policy(self, record: PolicyRecord) -> AgentAndParams:
        """The agent and the parameters at the record's uri."""
        ...

    def describe_params(self, record: PolicyRecord) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters at the record's uri, without reading them."""
        ...


class PolicyRecord:
    """Name, place and metadata of a policy; its agent and parameters are read on first use.

    Args:
      policy_store: where they are read from; None for a record that holds its policy or has none.
      run_name: name of the policy.
      uri: `file://...`, or None.
      metadata: PolicyMetadata or a dict, in which required fields get their defaults.
      agent, params: the policy, if it is at hand.
      architecture: the Flax module of a policy that was made from one.

    Raises:
      TypeError: "metadata must be PolicyMetadata or dict, got X".
    """

    def __init__(
        self,
        policy_store: PolicySource | None,
        run_name: str,
        uri: str | None,
        metadata: PolicyMetadata | dict[str, Any],
        *,
        agent: Agent | None = None,
        params: PyTree = None,
        architecture: nn.Module | None = None,
    ) -> None:
        self._policy_store = policy_store
        self.run_name = run_name
        self.uri = uri
        self.metadata = metadata
        self.architecture = architecture
        self._policy: AgentAndParams | None = None if agent is None else (agent, params)
        self._lock = threading.RLock()

    @property
    def metadata(self) -> PolicyMetadata:
        """A mapping with attribute access. Assigning takes PolicyMetadata or a dict."""
        return self._metadata

    @metadata.setter
    def metadata(self, values: PolicyMetadata | dict[str, Any]) -> None:
        if not isinstance(values, dict):
            raise TypeError(f"metadata must be PolicyMetadata or dict, got {type(values).__name__}")
        self._metadata = values if isinstance(values, PolicyMetadata) else PolicyMetadata(values)

    @property
    def policy(self) -> AgentAndParams:
        """(agent, params), read from disk if need be. Assigning takes such a pair.

        Raises ValueError "Cannot load policy without a PolicyStore. ...", or what `PolicyStore` says of a file.
        """
        with self._lock:
            if self._policy is None:
                if self._policy_store is None:
                    raise ValueError(
                        "Cannot load policy without a PolicyStore. Give the record one, or set record.policy = "
                        "(agent, params)."
                    )
                self._policy = self._policy_store.load_policy(self)
            return self._policy

    @policy.setter
    def policy(self, policy: AgentAndParams) -> None:
        agent, params = policy
        with self._lock:
            self._policy = (agent, params)

    @property
    def agent(self) -> Agent:
        """The Agent, bound to the facts of the environment that it was saved with; see `Agent.bind` for another."""
        return self.policy[0]

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters: nested dicts of arrays."""
        return self.policy[1]

    @property
    def weight_limits(self) -> dict[str, float] | None:
        """Bounds of weight clipping by layer, for `training.init(key, record.params, record.weight_limits)`.

        None if none were saved: the agent does not clip weights, or has not been trained.
        """
        limits = self.metadata.get("weight_limits")
        return dict(limits) if limits else None

    @property
    def is_loaded(self) -> bool:
        """Whether agent and parameters are in memory."""
        return self._policy is not None

    @property
    def file_path(self) -> Path:
        """The directory of the policy. Raises ValueError unless the uri is a `file://` one."""
        if self.uri is None or not self.uri.startswith("file://"):
            raise ValueError(f"file_path() only applies to file:// URIs, but got: {self.uri}")
        return path_of(self.uri)

    def num_params(self) -> int:
        """The number of trainable numbers; loads the policy."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))

    def without_policy(self) -> PolicyRecord:
        """A record of the same policy that holds no arrays."""
        return PolicyRecord(
            self._policy_store, self.run_name, self.uri, self.metadata.copy(), architecture=self.architecture
        )

    def __repr__(self) -> str:
        facts = {name: self.metadata.get(name) for name in ("epoch", "agent_step", "generation")}
        if "score" in self.metadata:
            facts["score"] = self.metadata["score"]
        words = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        lines = [f"PolicyRecord({self.run_name!r}, {self.uri!r}, {words})"]
        return "\n".join([*lines, *self._tree()])

    def _tree(self) -> list[str]:
        """One line for each parameter, indented by depth; never raises and never reads arrays."""
        try:
            if self._policy is not None:
                leaves = jax.tree_util.tree_leaves_with_path(self._policy[1])
                shapes = {
                    jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves
                }
            elif self._policy_store is not None:
                shapes = self._policy_store.describe_params(self)
            else:
                return ["  (not loaded)"]
        except Exception as error:
            return [f"  ({error})"]
        lines: list[str] = []
        folder: list[str] = []
        for name, shape in shapes.items():
            *parents, last = name.split("/")
            for depth, parent in enumerate(parents):
                if folder[: depth + 1] != parents[: depth + 1]:
                    lines.append(f"{'  ' * (depth + 1)}{parent}")
                    folder = parents[: depth + 1]
            folder = parents
            lines.append(f"{'  ' * (len(parents) + 1)}{last} {list(shape)}")
        return lines


AnyPolicy: TypeAlias = Policy | AgentAndParams | PolicyRecord | TrainState


def as_policy(
    policy: AnyPolicy, params: Mapping[str, Any] | None = None, agent: Policy | None = None
) -> AgentAndParams:
    """(agent, params) of an agent with `params`, a pair, a record, or a TrainState with `agent`.

    Raises ValueError that says what is missing.
    """
    if isinstance(policy, PolicyRecord):
        found: AgentAndParams = policy.policy
    elif isinstance(policy, tuple) and len(policy) == 2 and not hasattr(policy, "_fields"):
        found = policy
    elif hasattr(policy, "opt_state"):  # a TrainState
        if agent is None:
            raise ValueError(f"policy: a {type(policy).__name__} has parameters but no network; give agent= too")
        found = cast(Agent, agent), getattr(policy, "params")  # noqa: B009 - a TrainState of any program
    else:
        if params is None:
            raise ValueError(
                "params: an agent holds no parameters; give params=, or policy=(agent, params), or a TrainState with "
                "agent="
            )
        return cast(Agent, policy), params
    if params is not None:
        found = (found[0], params)
    if not isinstance(found[1], Mapping):
        raise ValueError(
            f"policy: {type(found[1]).__name__} is not a mapping of parameters; expected is (agent, params)"
        )
    return found
