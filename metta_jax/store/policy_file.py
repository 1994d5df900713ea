"""policy.json: everything about a policy but its numbers, as plain data that is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import flax.linen as nn
import jax
import numpy as np
from pydantic import BeforeValidator, Field

from metta_jax.agent import Agent
from metta_jax.agent.features import UNKNOWN_FEATURE
from metta_jax.agent.network import ComponentNetwork
from metta_jax.agent.presets import preset
from metta_jax.config.agent import AGENT_PRESETS, AgentConfig
from metta_jax.config.base import Config
from metta_jax.config.fields import Count, Names, PositiveInt, as_tuple, within
from metta_jax.core.frozen_dict import FrozenMapping, thaw
from metta_jax.core.pytree import PyTree
from metta_jax.store.arrays import check_leaves, describe_leaves, named_leaves
from metta_jax.store.checkpoint import read_document
from metta_jax.store.files import DamagedError, plain_text
from metta_jax.store.layout import POLICY_JSON
from metta_jax.store.metadata import PolicyMetadata, check_metadata

MAX_PARAMS = 2**32  # numbers; 16 GiB
MAX_COMPONENTS = 1000
_MAX_NAMES = 4096

FeatureId = Annotated[int, within(0, UNKNOWN_FEATURE - 1)]
Window = Annotated[int, within(1, 255)]
Sizes = Annotated[tuple[Count, ...], BeforeValidator(as_tuple)]


class SavedNetwork(Config, frozen=True):
    """What the agent was made from: components in full, or only the name of a user's Flax module."""

    config: AgentConfig | None = Field(default=None, description="Components with their options. Default: a module.")
    preset: Literal[AGENT_PRESETS] | None = Field(  # type: ignore[valid-type]
        default=None, description="Where the components came from; not read again. Default: not from a preset."
    )
    architecture: str | None = Field(
        default=None, max_length=200, description="Class of a user's Flax module. Default: there is none."
    )
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="Of the computation.")


class SavedFeature(Config, frozen=True):
    """One observation feature of the environment."""

    id: FeatureId = Field(description="As the environment numbers it. Required.")
    normalization: float = Field(description="Its scale. Required.")


class SavedEnvironment(Config, frozen=True):
    """Static facts of the environment that the policy was bound to when it was saved."""

    action_names: Names = Field(min_length=1, max_length=256, description="Action types in index order. Required.")
    max_action_args: Sizes = Field(max_length=256, description="Largest argument of each. Required.")
    features: FrozenMapping[str, SavedFeature] = Field(max_length=256, description="By name. Required.")
    num_observation_tokens: Annotated[int, within(1, 65535)] = Field(description="Tokens of a view. Required.")


class PolicyFile(Config, frozen=True):
    """The content of policy.json apart from the description of the arrays."""

    agent: SavedNetwork = Field(description="The network. Required.")
    original_feature_mapping: FrozenMapping[str, FeatureId] = Field(
        max_length=256, description="The policy's own feature ids by name. Required."
    )
    feature_normalizations: FrozenMapping[str, float] = Field(max_length=256, description="By name. Required.")
    num_feature_channels: Annotated[int, within(0, 256)] = Field(description="Largest feature id + 1. Required.")
    action_embedding_rows: FrozenMapping[str, PositiveInt] = Field(
        max_length=_MAX_NAMES, description="Row of the embedding table by full action name. Required."
    )
    obs_height: Window = Field(description="Window that the network was built for. Required.")
    obs_width: Window = Field(description="Window that the network was built for. Required.")
    observation_shape: Sizes = Field(min_length=2, max_length=2, description="[tokens, 3]. Required.")
    recurrent_shape: Sizes = Field(min_length=2, max_length=2, description="[layers, hidden]. Required.")
    environment: SavedEnvironment = Field(description="What the policy was bound to. Required.")
    parameter_paths: FrozenMapping[str, Names] = Field(
        max_length=100_000, description="Path in the nested parameters by name of the array. Required."
    )
    metadata: FrozenMapping[str, Any] = Field(max_length=_MAX_NAMES, description="See PolicyMetadata. Required.")


def describe_policy(agent: Agent, params: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a policy, as JSON values. ValueError for metadata or parameters that cannot be stored."""
    if not isinstance(agent, Agent):
        raise ValueError(f"policy: {type(agent).__name__} is not an Agent")
    wanted = jax.eval_shape(agent.init, jax.random.key(0))  # nothing is computed
    given = {name: leaf for name, (_, leaf) in flat_params(params).items()}
    check_leaves(describe_leaves(given), named_leaves(wanted))
    num_tokens = _num_tokens(agent)
    names = agent.metadata()
    dtype = names.pop("dtype")
    return {
        "agent": {**_describe_network(agent), "dtype": dtype},
        **names,
        "observation_shape": [num_tokens, 3],
        "environment": {
            "action_names": list(agent.action_space.names),
            "max_action_args": list(agent.action_space.max_args),
            "features": _environment_features(agent),
            "num_observation_tokens": num_tokens,
        },
        "parameter_paths": {name: list(path) for name, (path, _) in flat_params(params).items()},
        "metadata": check_metadata(metadata),
    }


def read_policy_file(path: Path) -> tuple[PolicyFile, dict[str, Any]]:
    """policy.json of a policy's directory, checked, and its "leaves", "files" and "metadata" as plain values.

    Raises:
      DamagedError: it is missing, not what was written, or not a policy. ValueError: of another format.
    """
    document = read_document(path, POLICY_JSON)
    contents = {name: document.pop(name) for name in ("leaves", "files")}
    try:
        policy = PolicyFile.model_validate(document)
        # As JSON has it: the frozen form has tuples for lists.
        contents["metadata"] = PolicyMetadata.from_dict(check_metadata(PolicyMetadata.from_dict(document["metadata"])))
        _check_sizes(policy, contents["leaves"])
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else plain_text(error)
        raise DamagedError(f"{path / POLICY_JSON}: {text}") from None
    return policy, contents


def restore_agent(policy: PolicyFile, architecture: nn.Module | None = None) -> Agent:
    """The agent as it was saved, bound to the facts of its environment, and not tied to any device.

    Raises ValueError if the network is a user's Flax module and `architecture` is not given.
    """
    source: Any = policy.agent.config
    if policy.agent.architecture is not None:
        if architecture is None:
            raise ValueError(
                f"agent: this policy's network is the Flax module {policy.agent.architecture!r}; files hold no code, "
                "so give it: policy_store.load_from_uri(uri, architecture=...)"
            )
        source = architecture
    saved = policy.environment
    env: Any = SimpleNamespace(
        action_names=saved.action_names,
        max_action_args=saved.max_action_args,
        get_observation_features=lambda: {
            name: {"id": feature.id, "normalization": feature.normalization} for name, feature in saved.features.items()
        },
        obs_height=policy.obs_height,
        obs_width=policy.obs_width,
        num_observation_tokens=saved.num_observation_tokens,
    )
    names = {name: getattr(policy, name) for name in PolicyFile.model_fields}
    agent = Agent(env, source, dtype=policy.agent.dtype, policy=names)
    if policy.recurrent_shape != (agent.num_layers, agent.hidden_size):
        raise ValueError(
            f"recurrent_shape: {list(policy.recurrent_shape)} is not {[agent.num_layers, agent.hidden_size]}, the "
            "network's"
        )
    return agent


def flat_params(params: PyTree) -> dict[str, tuple[tuple[str, ...], Any]]:
    """{name of the array: (path of keys, array)} of nested parameters. ValueError for anything but nested mappings."""
    found: dict[str, tuple[tuple[str, ...], Any]] = {}

    def visit(node: Any, path: tuple[str, ...]) -> None:
        name = "/".join(path)
        if isinstance(node, Mapping):
            for key in node:
                if not isinstance(key, str):
                    raise ValueError(f"params.{name}: the key {key!r} is not text")
                visit(node[key], (*path, key))
        elif not isinstance(node, jax.Array | np.ndarray):
            raise ValueError(f"params.{name}: a {type(node).__name__} is not an array")
        elif name in found:
            raise ValueError(f"params.{name}: two arrays have this name")
        else:
            found[name] = (path, node)

    visit(params, ())
    return found


def nested_params(policy: PolicyFile, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The nested parameters from arrays by name; the inverse of `flat_params`."""
    params: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, last = policy.parameter_paths[name]
        node = params
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = array
    return params


def _check_sizes(policy: PolicyFile, leaves: Mapping[str, Any]) -> None:
    numbers = sum(math.prod(leaf["shape"]) for leaf in leaves.values())
    if numbers > MAX_PARAMS:
        raise ValueError(f"leaves: {numbers} parameters are more than {MAX_PARAMS}")
    if set(policy.parameter_paths) != set(leaves):
        raise ValueError("parameter_paths: are not those of the arrays")
    for name, path in policy.parameter_paths.items():
        if not path or "/".join(path) != name:
            raise ValueError(f"parameter_paths: {list(path)} is not the path of an array")
    if policy.agent.config is not None:
        _check_components(policy.agent.config, len(leaves))
    if (policy.agent.config is None) == (policy.agent.architecture is None):
        raise ValueError("agent: needs either config or architecture")
    if len(policy.environment.action_names) != len(policy.environment.max_action_args):
        raise ValueError("environment.max_action_args: needs one value for each action")
    if any(largest > 255 for largest in policy.environment.max_action_args):
        raise ValueError("environment.max_action_args: has a value that is not in 0..255")


def _check_components(config: AgentConfig, num_arrays: int) -> None:
    """Building a network takes time with its number of parts: that number is bounded first."""
    if len(config.components) > MAX_COMPONENTS:
        raise ValueError(f"agent.config.components: {len(config.components)} are more than {MAX_COMPONENTS}")
    for name, component in config.components.items():
        nested = component.get("nn_params")
        options = {**component, **(nested if isinstance(nested, Mapping) else {})}
        for option in ("num_layers", "depth"):
            count = options.get(option)
            if isinstance(count, int) and count > num_arrays:  # every layer has an array at least
                raise ValueError(f"agent.config.components.{name}.{option}: {count} are more than there are arrays")


def _describe_network(agent: Agent) -> dict[str, Any]:
    config = agent.config
    if config is None:
        return {"architecture": type(agent.network.architecture).__name__}
    # A preset may change one day; the components of this policy may not.
    components = thaw(config.components) if config.preset is None else preset(config.preset)["components"]
    fields = {
        "clip_range": config.clip_range,
        "analyze_weights_interval": config.analyze_weights_interval,
        "l2_init_weight_update_interval": config.l2_init_weight_update_interval,
        "observations": {"obs_key": config.observations.obs_key},
        "components": components,
        "preset": None,
    }
    return {"config": fields, "preset": config.preset}


def _environment_features(agent: Agent) -> dict[str, dict[str, Any]]:
    """The features that the agent sees in its environment, with the environment's ids."""
    names = {feature_id: name for name, feature_id in agent.names.feature_ids.items()}
    remap = np.asarray(agent.tables.feature_remap)
    return {
        names[int(policy_id)]: {
            "id": env_id,
            "normalization": float(agent.names.feature_normalizations[names[int(policy_id)]]),
        }
        for env_id, policy_id in enumerate(remap)
        if policy_id != UNKNOWN_FEATURE
    }


def _num_tokens(agent: Agent) -> int:
    network: Any = agent.network
    facts = network.graph.nodes[0].facts if isinstance(network, ComponentNetwork) else network.facts
    return int(facts.num_tokens)
