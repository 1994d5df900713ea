"""Weights of the original's networks: the same outputs, from a forward pass that is written out twice more."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.agent.presets import preset
from metta_jax.store import convert_original_weights, load_original_weights
from tests.agent.facts import apply, facts_env, random_observations, small_config, small_env

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def state_dict(agent: Agent, components: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays with the original's names and axes, from sizes that are worked out here."""
    rng = np.random.default_rng(seed)
    sizes: dict[str, tuple[int, ...]] = {"_obs_": (agent.names.num_channels, *[agent.names.obs_height] * 2)}
    arrays: dict[str, np.ndarray] = {}

    def add(key: str, *shape: int) -> None:
        arrays[key] = rng.normal(size=shape, scale=1 / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)

    for name, part in components.items():  # every source stands before its users
        options = {**part, **part.get("nn_params", {})}
        source = sizes[part["sources"][0]["name"]] if part.get("sources") else ()
        wrapped = "_net.0" if options.get("nonlinearity", "nn.ReLU") else "_net"
        if part["type"] == "Conv2d":
            side = (source[1] + 2 * options["padding"] - options["kernel_size"]) // options["stride"] + 1
            sizes[name] = (options["out_channels"], side, side)
            add(f"{name}.{wrapped}.weight", options["out_channels"], source[0], *[options["kernel_size"]] * 2)
            add(f"{name}.{wrapped}.bias", options["out_channels"])
        elif part["type"] == "Linear":
            sizes[name] = (options["out_features"],)
            add(f"{name}.{wrapped}.weight", options["out_features"], source[0])
            add(f"{name}.{wrapped}.bias", options["out_features"])
        elif part["type"] == "LSTM":
            hidden = options["output_size"]
            sizes[name] = (hidden,)
            for layer in range(options["num_layers"]):
                add(f"{name}._net.weight_ih_l{layer}", 4 * hidden, source[0] if layer == 0 else hidden)
                add(f"{name}._net.weight_hh_l{layer}", 4 * hidden, hidden)
                add(f"{name}._net.bias_ih_l{layer}", 4 * hidden)
                add(f"{name}._net.bias_hh_l{layer}", 4 * hidden)
        elif part["type"] == "ActionEmbedding":
            add(f"{name}._net.weight", options["num_embeddings"], options["embedding_dim"])
        elif part["type"] == "MettaActorSingleHead":
            add(f"{name}.W", source[0], arrays["components._action_embeds_._net.weight"].shape[1])
            add(f"{name}.bias", 1)
        elif part["type"] != "ObsTokenToBoxShaper":
            sizes[name] = (int(np.prod(source)),) if part["type"] == "Flatten" else source
        for key in [key for key in arrays if not key.startswith("components.")]:
            arrays[f"components.{key}"] = arrays.pop(key)
    arrays["components._action_embeds_._net.weight"] *= 5
    rows = 1 + rng.permutation(len(arrays["components._action_embeds_._net.weight"]) - 1)[: agent.num_flat_actions]
    arrays["components._action_embeds_.active_indices"] = rows.astype(np.int64)
    arrays["components.obs_normalizer.obs_norm"] = np.ones(3, np.float32)
    return arrays


def box(agent: Agent, tokens: np.ndarray) -> np.ndarray:
    """[B, channels, rows, columns], divided by the features' normalizations."""
    names, scales = agent.names, np.ones(agent.names.num_channels)
    for name, feature in names.feature_ids.items():
        scales[feature] = names.feature_normalizations[name]
    image = np.zeros((len(tokens), names.num_channels, names.obs_height, names.obs_width), np.float32)
    for row, token_list in enumerate(tokens):
        for location, feature, value in token_list:
            if location != 255:
                image[row, feature, location >> 4, location & 15] = value / scales[feature]
    return image


def in_numpy(agent: Agent, arrays: dict[str, np.ndarray], components: dict[str, Any], steps: np.ndarray) -> Any:
    """(log-probabilities [B * T, F], values [B * T]) of tokens [B, T, M, 3], by loops over windows and steps."""
    part = {key.removeprefix("components."): array.astype(np.float64) for key, array in arrays.items()}
    batch, num_steps = steps.shape[:2]
    memory: dict[int, Any] = {}
    log_probs, values = [], []
    for step in range(num_steps):
        outputs: dict[str, np.ndarray] = {}
        for name, definition in components.items():
            options = {**definition, **definition.get("nn_params", {})}
            x = outputs[definition["sources"][0]["name"]] if definition.get("sources") else np.zeros(0)
            kind = definition["type"]
            if kind == "ObsTokenToBoxShaper":
                x = box(agent, steps[:, step])
            elif kind == "Conv2d":
                kernel, bias = part[f"{name}._net.0.weight"], part[f"{name}._net.0.bias"]
                size, stride, pad = kernel.shape[-1], options["stride"], options["padding"]
                x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
                side = (x.shape[-1] - size) // stride + 1
                result = np.zeros((batch, len(kernel), side, side))
                for r in range(side):
                    for c in range(side):
                        window = x[:, :, r * stride : r * stride + size, c * stride : c * stride + size]
                        result[:, :, r, c] = window.reshape(batch, -1) @ kernel.reshape(len(kernel), -1).T + bias
                x = np.maximum(result, 0)
            elif kind == "Flatten":
                x = x.reshape(batch, -1)
            elif kind == "Linear":
                function = options.get("nonlinearity", "nn.ReLU")
                wrapped = f"{name}._net.0" if function else f"{name}._net"
                x = x @ part[f"{wrapped}.weight"].T + part[f"{wrapped}.bias"]
                x = {"nn.ReLU": lambda x: np.maximum(x, 0), "nn.Tanh": np.tanh, None: lambda x: x}[function](x)
            elif kind == "LSTM":
                for layer in range(options["num_layers"]):
                    h, c = memory.get(layer, np.zeros((2, batch, options["output_size"])))
                    gates = (
                        x @ part[f"{name}._net.weight_ih_l{layer}"].T + h @ part[f"{name}._net.weight_hh_l{layer}"].T
                    )
                    gates = gates + part[f"{name}._net.bias_ih_l{layer}"] + part[f"{name}._net.bias_hh_l{layer}"]
                    i, f, g, o = np.split(gates, 4, axis=1)
                    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                    x = sigmoid(o) * np.tanh(c)
                    memory[layer] = x, c
            elif kind == "ActionEmbedding":
                x = part[f"{name}._net.weight"][arrays["components._action_embeds_.active_indices"]]
            elif kind == "MettaActorSingleHead":
                x = np.tanh(x @ part[f"{name}.W"]) @ outputs["_action_embeds_"].T + part[f"{name}.bias"]
            outputs[name] = x
        logits = outputs["_action_"]
        log_probs.append(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
        values.append(outputs["_value_"][:, 0])
    shape = (batch * num_steps, -1)
    return np.stack(log_probs, axis=1).reshape(shape), np.stack(values, axis=1).reshape(-1)


def ours(agent: Agent, params: Any, steps: np.ndarray) -> Any:
    action = np.broadcast_to(agent.flat_actions[0], (*steps.shape[:2], 2))
    output, _ = apply(agent, params, steps, action=jax.numpy.asarray(action))
    return np.asarray(output.log_probs), np.asarray(output.value)[:, 0]


def small() -> tuple[Agent, dict[str, Any]]:
    config = small_config()
    return Agent(small_env(), config, dtype="float32"), config["components"]


def test_the_same_outputs_as_in_numpy() -> None:
    """A convolution in front of a flattened image, two layers of memory, rows of actions in another order."""
    agent, components = small()
    arrays = state_dict(agent, components)
    steps = random_observations(1, (3, 4), 12, 16, 5)
    found = ours(agent, convert_original_weights(agent, arrays), steps)
    expected = in_numpy(agent, arrays, components, steps)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-4)
    assert np.ptp(expected[0]) > 1  # the policy prefers something


def test_they_have_the_form_of_fresh_parameters() -> None:
    agent, components = small()
    params = convert_original_weights(agent, state_dict(agent, components))
    wanted = jax.eval_shape(agent.init, jax.random.key(0))
    assert jax.tree.structure(params) == jax.tree.structure(wanted)
    jax.tree.map(lambda x, y: np.testing.assert_equal((x.shape, x.dtype), (y.shape, y.dtype)), params, wanted)


def test_a_wrapped_policy_has_the_same_weights() -> None:
    agent, components = small()
    arrays = state_dict(agent, components)
    wrapped = {f"module.policy.{key}": array for key, array in arrays.items()}
    jax.tree.map(
        np.testing.assert_array_equal,
        convert_original_weights(agent, arrays),
        convert_original_weights(agent, wrapped),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"components.cnn1._net.0.weight": None},
            "components.cnn1: weight is missing; is it the network",
        ),
        (
            {"components.cnn1._net.0.weight": np.zeros((6, 15, 3, 3))},
            r"shape \[6, 15, 3, 3\], .* in a world",
        ),
        ({"components.cnn9._net.0.weight": np.zeros(3)}, "components.cnn9: .* has no such component"),
        ({"components.cnn1.weight_net.weight": np.zeros(3)}, "differs from another array of components.cnn1"),
        ({"components._core_._net.weight_ih_l2": np.zeros(3)}, "weight_ih_l2 is not a parameter of LSTM here"),
        ({"components._action_embeds_.active_indices": np.arange(4)}, "are of 4 actions, the agent's world has 5"),
        ({"components._action_embeds_.active_indices": np.arange(20, 25)}, "are not rows of a table of 20"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    agent, components = small()
    arrays = {key: x for key, x in {**state_dict(agent, components), **change}.items() if x is not None}
    with pytest.raises(ValueError, match=message) as caught:
        convert_original_weights(agent, arrays)
    assert "\n" not in str(caught.value)


def test_other_state_dicts_are_refused() -> None:
    agent, _ = small()
    with pytest.raises(ValueError, match="no key has the form 'components"):
        convert_original_weights(agent, {"layer.weight": np.zeros(3)})


def torch_network(agent: Agent, components: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    """The network in PyTorch, layer by layer, with the original's names; its state dict has the values of `arrays`."""
    torch: Any = pytest.importorskip("torch")
    nn: Any = torch.nn
    functions = {"nn.ReLU": nn.ReLU, "nn.Tanh": nn.Tanh}

    class Head(nn.Module):
        def __init__(self, hidden: int, dim: int) -> None:
            super().__init__()
            self.W, self.bias = nn.Parameter(torch.zeros(hidden, dim)), nn.Parameter(torch.zeros(1))

    class Part(nn.Module):
        def __init__(self, net: Any = None) -> None:
            super().__init__()
            self._net = net

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.components = nn.ModuleDict()
            shapes = {key: array.shape for key, array in arrays.items()}
            for name, part in components.items():
                options = {**part, **part.get("nn_params", {})}
                net: Any = None
                if part["type"] in ("Conv2d", "Linear"):
                    function = functions.get(options.get("nonlinearity", "nn.ReLU"))
                    shape = shapes[f"components.{name}._net{'.0' if function else ''}.weight"]
                    net = nn.Linear(shape[1], shape[0])
                    if part["type"] == "Conv2d":
                        net = nn.Conv2d(shape[1], shape[0], shape[2], options["stride"], options["padding"])
                    net = nn.Sequential(net, function()) if function else net
                elif part["type"] == "Flatten":
                    net = nn.Flatten()
                elif part["type"] == "LSTM":
                    inputs = shapes[f"components.{name}._net.weight_ih_l0"][1]
                    net = nn.LSTM(inputs, options["output_size"], options["num_layers"], batch_first=True)
                elif part["type"] == "ActionEmbedding":
                    net = nn.Embedding(*shapes[f"components.{name}._net.weight"])
                module = Head(*shapes[f"components.{name}.W"]) if part["type"] == "MettaActorSingleHead" else Part(net)
                self.components[name] = module
            active = torch.from_numpy(arrays["components._action_embeds_.active_indices"])
            self.components["_action_embeds_"].register_buffer("active_indices", active)

        def forward(self, steps: np.ndarray) -> Any:
            batch, num_steps = steps.shape[:2]
            outputs: dict[str, Any] = {"_obs_": torch.from_numpy(box(agent, steps.reshape(-1, *steps.shape[2:])))}
            for name, part in components.items():
                net: Any = getattr(self.components[name], "_net", None)
                x = outputs[part["sources"][0]["name"]] if part.get("sources") else None
                if name == "_core_":
                    x = net(x.reshape(batch, num_steps, -1))[0].reshape(batch * num_steps, -1)
                elif name == "_action_embeds_":
                    x = net(self.components[name].active_indices)
                elif name == "_action_":
                    head = self.components[name]
                    x = torch.tanh(x @ head.W) @ outputs["_action_embeds_"].T + head.bias
                elif net is not None:
                    x = net(x)
                outputs.setdefault(name, x)
            return torch.log_softmax(outputs["_action_"], dim=-1), outputs["_value_"][:, 0]

    network = Network()
    values = {key: torch.from_numpy(array) for key, array in arrays.items() if key in network.state_dict()}
    network.load_state_dict(values)  # strict: every parameter is there
    return network


@needs_torch
@pytest.mark.parametrize("name", ["fast", "default"])
def test_a_file_of_weights_gives_the_same_outputs(name: str, tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    components = preset(name)["components"]
    agent = Agent(facts_env(), name, dtype="float32")
    arrays = state_dict(agent, components)
    network = torch_network(agent, components, arrays)
    assert sum(x.numel() for x in network.parameters()) == agent.num_params()
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    params = load_original_weights(agent, path)
    steps = random_observations(3, (2, 3), 40, 24, 11)
    with torch.no_grad():
        expected = [x.numpy() for x in network(steps)]
    found = ours(agent, params, steps)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-4)
    assert np.ptp(expected[0]) > 1


@needs_torch
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_weights_of_other_precisions(dtype: str, tmp_path: Path) -> None:
    """NumPy has no bfloat16, and PyTorch's own error was shown."""
    torch: Any = pytest.importorskip("torch")
    agent, components = small()
    tensors = {key: torch.from_numpy(array) for key, array in state_dict(agent, components).items()}
    kind = getattr(torch, dtype)
    rounded = {key: x.to(kind) if x.is_floating_point() else x for key, x in tensors.items()}
    torch.save(rounded, tmp_path / "weights.pt")
    expected = convert_original_weights(agent, {key: np.asarray(x.tolist()) for key, x in rounded.items()})
    jax.tree.map(np.testing.assert_array_equal, load_original_weights(agent, tmp_path / "weights.pt"), expected)
    key = next(key for key, x in tensors.items() if x.ndim == 2)
    torch.save({**tensors, key: tensors[key].to_sparse()}, tmp_path / "sparse.pt")
    with pytest.raises(ValueError, match=rf"sparse.pt: {key}: a tensor of torch.float32 is not read .*; save it as"):
        load_original_weights(agent, tmp_path / "sparse.pt")


@needs_torch
def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    agent, _ = small()
    touched = tmp_path / "touched"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (touched,)

    for number, content in enumerate((Evil(), {"components.x._net.weight": Evil()}, torch.nn.Linear(2, 2))):
        path = tmp_path / f"model_{number:04d}.pt"
        try:
            torch.save(content, path)
        except (AttributeError, pickle.PicklingError):
            continue
        with pytest.raises(ValueError, match=r"model_000\d.pt: holds whole Python objects, .*; save its weights where"):
            load_original_weights(agent, path)
    assert not touched.exists()
    (tmp_path / "text.pt").write_text("no file of PyTorch")
    for path, message in {"text.pt": "text.pt: ", "none.pt": "none.pt: there is no such file"}.items():
        with pytest.raises(ValueError, match=message) as caught:
            load_original_weights(agent, tmp_path / path)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds a list, not a state dict"):
        load_original_weights(agent, tmp_path / "list.pt")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_it_says_what_to_install(tmp_path: Path) -> None:
    agent, _ = small()
    with pytest.raises(ImportError, match=r"torch is not installed: pip install 'metta-jax\[torch\]'"):
        load_original_weights(agent, tmp_path / "weights.pt")
