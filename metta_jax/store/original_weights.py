"""Weights of the original's policies: the state dict of its PyTorch network, as parameters of the same network here.

The original's `model_0100.pt` is a pickle of whole Python objects: to read one is to run what it says, so it is not
read here. Its weights alone are safe. Where the original is installed, and the file is trusted:

    policy = torch.load("model_0100.pt", weights_only=False)
    torch.save(policy.state_dict(), "weights.pt")   # of a record of policies: policy.policy().state_dict()
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metta_jax.agent import Agent
from metta_jax.agent.graph import Graph, Node
from metta_jax.agent.network import ComponentNetwork
from metta_jax.monitor.optional import require

_COMPONENTS = "components"
_HOW = "save its weights where the original is installed: torch.save(policy.state_dict(), 'weights.pt')"
_NAMES = {  # kind of component: {name of a parameter here: what its key in a state dict ends in}
    "Linear": {"kernel": "weight", "bias": "bias"},
    "Conv2d": {"kernel": "weight", "bias": "bias"},
    "Embedding": {"embedding": "weight"},
    "ActionEmbedding": {"embedding": "weight"},
    "MettaActorSingleHead": {"kernel": "W", "bias": "bias"},
}
_LSTM = {"kernel_input": "weight_ih", "kernel_hidden": "weight_hh", "bias_input": "bias_ih", "bias_hidden": "bias_hh"}
_BUFFERS = ("active_indices",)


def load_original_weights(agent: Agent, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Parameters for `agent` from a file that `torch.save(policy.state_dict(), path)` of the original has written.

    Nothing in the file is executed (`torch.load(weights_only=True)`). Needs PyTorch: the extra `torch`.

    Args:
      agent: the same network, `Agent(env, "fast")` or "default" for instance, in the world that the policy was trained
        in: features and actions are matched by their order, as the file has no names.

    Returns:
      Nested float32 arrays, as from `agent.init`: `simulate((agent, params), ...)`, `training.init(key, params)`.

    Raises:
      ImportError: PyTorch is not installed.
      ValueError: the file is not of this kind, or its arrays do not match the agent's network; names one.
    """
    if not isinstance(agent, Agent):
        raise ValueError(f"agent: {type(agent).__name__} is not an Agent; it is load_original_weights(agent, path)")
    torch: Any = require("torch", "torch")
    name = os.fspath(path)
    if not Path(name).is_file():
        raise ValueError(f"{name}: there is no such file")
    try:
        content = torch.load(name, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        whole = "weights_only" in str(error) or "global" in str(error).lower()
        reason = "holds whole Python objects, and reading those would run what is in it" if whole else "cannot be read"
        raise ValueError(f"{name}: {reason}; {_HOW}") from None
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{name}: holds a {type(content).__name__}, not a state dict; {_HOW}")
    try:
        arrays = {key: _array(torch, key, x) for key, x in content.items() if isinstance(x, torch.Tensor)}
        return convert_original_weights(agent, arrays)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def convert_original_weights(agent: Agent, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Convert the arrays of a state dict, by name, to parameters for `agent`; see `load_original_weights`.

    Kernels are transposed, those of convolutions to [rows, columns, in, out]. The rows of a layer after a flattened
    image are reordered, since images are flattened with channels last here.
    """
    if not isinstance(agent.network, ComponentNetwork):
        raise ValueError("agent: its network is your own module, whose parameters differ from the original's")
    graph: Graph = agent.network.graph
    given = _by_component(arrays)
    params: dict[str, Any] = {}
    for node in graph.nodes:
        wanted = node.component(parent=None).parameters()
        found = given.pop(node.name, {})
        if not wanted:
            continue
        names = _names(node, wanted)
        part = params[node.name] = {}
        for name, ending in names.items():
            label = f"{_COMPONENTS}.{node.name}: {ending}"
            if ending not in found:
                raise ValueError(f"{label} is missing; is it the network {_network(agent)!r}?")
            part[name] = _converted(label, found[ending], graph, node, tuple(wanted[name].shape))
        if "active_indices" in found:
            _order_rows(agent, part["embedding"], np.asarray(found["active_indices"]))
        extra = sorted(set(found) - {*names.values(), *_BUFFERS})
        if extra:
            raise ValueError(f"{_COMPONENTS}.{node.name}: {extra[0]} is not a parameter of {node.definition.kind} here")
    if given:
        raise ValueError(f"{_COMPONENTS}.{next(iter(given))}: the network {_network(agent)!r} has no such component")
    return params


def _array(torch: Any, key: str, tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float32)  # NumPy has no bfloat16
    try:
        return tensor.numpy()
    except (TypeError, RuntimeError) as error:  # it is sparse, quantized, or of a kind that NumPy does not have
        raise ValueError(f"{key}: a tensor of {tensor.dtype} is not read ({error}); save it as float32") from None


def _by_component(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """{component: {last part of the key: array}}; the original wraps layers, so the parts between do not matter."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        parts = key.split(".")
        if _COMPONENTS not in parts[:-2]:
            continue  # buffers of the policy as a whole
        name, ending = parts[parts.index(_COMPONENTS) + 1], parts[-1]
        before = found.setdefault(name, {}).setdefault(ending, array)
        if not np.array_equal(before, array, equal_nan=True):
            raise ValueError(f"{key}: differs from another array of {_COMPONENTS}.{name} that ends in {ending}")
    if not found:
        raise ValueError(f"no key has the form '{_COMPONENTS}.<name>...', as those of the original's networks")
    return found


def _names(node: Node, wanted: Mapping[str, Any]) -> dict[str, str]:
    kind = node.definition.kind
    if kind == "LSTM":
        return dict(_lstm_names(wanted))
    if kind not in _NAMES:
        raise ValueError(f"{_COMPONENTS}.{node.name}: weights of a {kind} are not converted")
    return _NAMES[kind]


def _lstm_names(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in wanted:
        kind, _, layer = name.rpartition("_")
        yield name, f"{_LSTM[kind]}_l{layer}"


def _converted(label: str, array: np.ndarray, graph: Graph, node: Node, shape: tuple[int, ...]) -> np.ndarray:
    """Convert an array to our order of axes. Raises a ValueError unless it then has our shape."""
    result = np.asarray(array, np.float32)
    axes = result.ndim
    if node.definition.kind == "Conv2d" and axes == 4:
        result = result.transpose(2, 3, 1, 0)
    elif node.definition.kind in ("Linear", "LSTM") and axes == 2:
        image = _flattened_image(graph, node)
        if image is not None and result.shape[1] == int(np.prod(image)):
            result = result.reshape(-1, *image).transpose(0, 2, 3, 1).reshape(result.shape)
        result = result.T
    if result.shape != shape:
        raise ValueError(
            f"{label} has the shape {list(array.shape)}, which makes {list(result.shape)} here, not {list(shape)}: the "
            "policy was trained with another network, or in a world with other items, actions or window"
        )
    return np.array(result)


def _flattened_image(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The channels, rows and columns of the image that was flattened into a layer's input; None if there is none."""
    source = graph.node(node.definition.sources[0].name)
    if source.definition.kind != "Flatten" or len(source.source_shapes[0]) != 3:
        return None
    return source.source_shapes[0]


def _order_rows(agent: Agent, table: np.ndarray, active: np.ndarray) -> None:
    """Move the rows that the original used for its actions to where ours are, in the same order. In place."""
    rows = np.asarray(agent.tables.action_rows)
    if active.size == 0:
        return  # it was never bound to an environment
    if active.shape != rows.shape:
        raise ValueError(
            f"{_COMPONENTS}._action_embeds_: active_indices are of {active.size} actions, the agent's world has "
            f"{rows.size}"
        )
    if active.min() < 0 or active.max() >= len(table):
        raise ValueError(f"{_COMPONENTS}._action_embeds_: active_indices are not rows of a table of {len(table)}")
    table[rows] = table[active]


def _network(agent: Agent) -> str:
    return "own components" if agent.config is None or agent.config.preset is None else agent.config.preset
