"""From a configuration, or a user's Flax module, to a network and its initial parameters."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent import forward
from metta_jax.agent.binding import PolicyNames
from metta_jax.agent.components import COMPONENTS, Facts, ParameterLayer
from metta_jax.agent.components.actions import ActionEmbedding
from metta_jax.agent.definition import ComponentDefinition, NetworkDefinition, parse_components
from metta_jax.agent.graph import build_graph
from metta_jax.agent.network import ArchitectureNetwork, ComponentNetwork
from metta_jax.agent.presets import preset
from metta_jax.agent.tables import AgentTables
from metta_jax.agent.weights import LayerInfo
from metta_jax.config.agent import AgentConfig

Params = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class NetworkBuild:
    """What is known of a network before it meets an environment.

    num_embeddings: rows of the action table. box_name: the component that reads the window as a box, if any.
    layers: the parameter layers of a graph.
    """

    source: NetworkDefinition | nn.Module
    num_embeddings: int
    hidden_size: int
    num_layers: int
    box_name: str | None
    layers: tuple[LayerInfo, ...]

    def make(
        self, names: PolicyNames, num_tokens: int, num_actions: int, dtype: str, *, wide: bool, unique_tokens: bool
    ) -> nn.Module:
        """The network for a policy with these names. Raises ValueError for shapes that do not fit.

        `wide` chooses the form of each component for an accelerator, where there are two.
        """
        facts = Facts(
            obs_height=names.obs_height,
            obs_width=names.obs_width,
            num_tokens=num_tokens,
            num_channels=names.num_channels,
            num_actions=num_actions,
            unique_tokens=unique_tokens,
        )
        if isinstance(self.source, nn.Module):
            return ArchitectureNetwork(self.source, facts, jnp.dtype(dtype))
        return ComponentNetwork(build_graph(self.source, facts), jnp.dtype(dtype), wide)

    def init(self, network: nn.Module, tables: AgentTables, key: jax.Array) -> Params:
        """Initial parameters of `network`."""
        if isinstance(network, ComponentNetwork):
            return _init_components(network, key)
        return _init_architecture(network, self, tables, key)


def build_network(source: AgentConfig | nn.Module) -> NetworkBuild:
    """Check everything about a network that does not depend on an environment."""
    if isinstance(source, nn.Module):
        sizes = [getattr(source, name, None) for name in ("hidden_size", "num_layers")]
        if not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise ValueError(f"{type(source).__name__}: needs the whole numbers hidden_size and num_layers")
        _check_hash(source)
        return NetworkBuild(source, _default(ActionEmbedding, "num_embeddings"), *sizes, None, ())  # type: ignore[arg-type]
    components = preset(source.preset)["components"] if source.preset is not None else source.components
    definition = parse_components(components)
    parts = {part.name: part for part in definition.components}
    boxes = [part.name for part in definition.components if part.kind == "ObsTokenToBoxShaper"]
    return NetworkBuild(
        source=definition,
        num_embeddings=_option(parts["_action_embeds_"], "num_embeddings", 0),
        hidden_size=_option(parts["_core_"], "output_size", 0),
        num_layers=_option(parts["_core_"], "num_layers", 1),
        box_name=boxes[0] if boxes else None,
        layers=tuple(_layer_info(part) for part in definition.components if _is_layer(part)),
    )


def _check_hash(module: nn.Module) -> None:
    """Raise ValueError for a module that cannot be hashed, and so cannot be a key of compiled programs."""
    try:
        hash(module)
    except TypeError:
        fields = {field.name: getattr(module, field.name, None) for field in dataclasses.fields(module)}
        name = next((name for name, value in fields.items() if hasattr(value, "shape")), None)
        what = "a field has no hash" if name is None else f"its field {name!r} is an array"
        raise ValueError(
            f"{type(module).__name__}: {what}; make arrays in __call__ (self.param for those that learn), fields are "
            "numbers, text and tuples"
        ) from None


def _init_components(network: ComponentNetwork, key: jax.Array) -> Params:
    """One long draw, cut into pieces: see `initializers`."""
    parameters = [
        (node.name, name, parameter)
        for node in network.graph.nodes
        for name, parameter in node.component(parent=None).parameters().items()
    ]
    sizes = [math.prod(parameter.shape) for _, _, parameter in parameters]
    noise = jax.random.normal(key, (sum(sizes),), jnp.float32)
    params: Params = {}
    start = 0
    for (component, name, parameter), size in zip(parameters, sizes, strict=True):
        piece = noise[start : start + size].reshape(parameter.shape)
        params.setdefault(component, {})[name] = parameter.initializer(piece)
        start += size
    return params


def _init_architecture(network: nn.Module, build: NetworkBuild, tables: AgentTables, key: jax.Array) -> Params:
    facts: Facts = network.facts
    observation = jnp.full((1, 1, facts.num_tokens, 3), 255, jnp.uint8)
    state = jnp.zeros((build.num_layers, 1, build.hidden_size), jnp.float32)
    context = forward.make_context(tables, observation, (state, state), jnp.zeros((1, 1), bool), None)
    variables = dict(network.init(key, context))
    params = variables.pop("params", {})
    if variables:
        raise ValueError(
            f"{type(build.source).__name__}: has the variables {', '.join(sorted(variables))}; an agent has no hidden "
            "state, only parameters are possible"
        )
    return dict(params)


def _is_layer(part: ComponentDefinition) -> bool:
    return issubclass(COMPONENTS[part.kind], ParameterLayer)


def _layer_info(part: ComponentDefinition) -> LayerInfo:
    option = functools.partial(_option, part)
    return LayerInfo(
        name=part.name,
        path=(part.name, "kernel"),
        initialization=option("initialization", None),
        clip_scale=option("clip_scale", 1.0),
        l2_init_scale=option("l2_init_scale", 1.0),
        analyze_weights=bool(option("analyze_weights", False)),
    )


def _option(part: ComponentDefinition, name: str, otherwise: Any) -> Any:
    """A given option, else the component's default, else (it has no such option) `otherwise`."""
    options = dict(part.options)
    return options[name] if name in options else _default(COMPONENTS[part.kind], name, otherwise)


def _default(kind: type, name: str, otherwise: Any = None) -> Any:
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    return fields.get(name, otherwise)
