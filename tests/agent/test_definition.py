"""What a configuration of components may say, and how mistakes are reported."""

from __future__ import annotations

import logging
import re
from typing import Any

import jax.numpy as jnp
import pytest

from metta_jax.agent.build import build_network
from metta_jax.agent.components import COMPONENTS
from metta_jax.agent.definition import Source, parse_components
from metta_jax.agent.graph import build_graph
from metta_jax.agent.initializers import largest_weight
from metta_jax.config.agent import AgentConfig
from tests.agent.facts import component_facts, small_config

FACTS = component_facts()


def build(**changes: Any) -> Any:
    return build_graph(parse_components(small_config(**changes)["components"]), FACTS)


def linear(source: str, **options: Any) -> dict[str, Any]:
    return {"type": "Linear", "sources": [{"name": source}], "out_features": 9, **options}


def error(match: str) -> Any:
    return pytest.raises(ValueError, match=match)


def test_sources_run_before_their_users() -> None:
    names = [node.name for node in build().nodes]
    assert sorted(names) == sorted(small_config()["components"])
    for node in build().nodes:
        for source in node.definition.sources:
            assert names.index(source.name) < names.index(node.name)


def test_shapes_are_known() -> None:
    shapes = {node.name: node.shape for node in build().nodes}
    assert shapes["_obs_"] == (16, 5, 5)
    assert shapes["cnn1"] == (6, 2, 2)
    assert shapes["flat"] == (24,)
    assert shapes["_action_"] == (3,)


def test_targets_of_the_original_are_accepted_by_their_last_part() -> None:
    old = {
        "_target_": "metta.agent.lib.nn_layer_library.Linear",
        "sources": [{"name": "flat"}],
        "nn_params": {"out_features": 9},
    }
    assert build(encoded_obs=old).node("encoded_obs").definition.kind == "Linear"
    assert build(encoded_obs=old) == build(), "options mean the same inside and next to nn_params"
    merge = {"_target_": "metta.agent.lib.merge_layer.AddMergeLayer", "sources": [{"name": "flat"}, {"name": "flat"}]}
    graph = build(sum=merge, encoded_obs=linear("sum"))
    assert graph.node("sum").definition.kind == "Add"


def test_sources_may_be_written_short() -> None:
    assert build(encoded_obs=linear("flat")) == build(encoded_obs={**linear("flat"), "sources": "flat"})
    assert build(encoded_obs=linear("flat")) == build(encoded_obs={**linear("flat"), "sources": ["flat"]})


def test_unknown_component() -> None:
    with error(
        r"components.encoded_obs: unknown component 'Linnear' \(did you mean 'Linear'\?\); known are Action"
    ) as e:
        build(encoded_obs={**linear("flat"), "type": "Linnear"})
    assert all(name in str(e.value) for name in COMPONENTS)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x": {"sources": []}}, "components.x: needs exactly one of '_target_' and 'type'"),
        ({"x": {"type": "ReLU", "_target_": "ReLU"}}, "components.x: needs exactly one of"),
        ({"x": 3}, "components.x: 3 is not a mapping"),
        ({"x": linear("flat", name="y")}, "components.x.name: 'y' differs"),
        ({"x": linear("flat", out_feature=3)}, r"components.x.out_feature: Linear has no such option \(did you mean"),
        ({"x": linear("flat", out_features="3")}, "components.x.out_features: '3' is not a whole number"),
        ({"x": linear("flat", out_features=True)}, "components.x.out_features: True is not a whole number"),
        ({"x": linear("flat", nonlinearity=3)}, "components.x.nonlinearity: 3 is not text or null"),
        ({"x": linear("flat", nn_params={"out_features": 3})}, "components.x.nn_params.out_features: given twice"),
        ({"x": linear("flat", nn_params=[1])}, r"components.x.nn_params: \[1\] is not a mapping"),
        ({"x": {"type": "Linear", "sources": ["flat"]}}, "components.x.out_features: is required by Linear"),
        ({"x": {"type": "Linear", "sources": None}}, "components.x.out_features: is required"),
        ({"x": {"type": "ReLU", "sources": None}}, "components.x.sources: 0 given, ReLU takes 1"),
        ({"x": {"type": "ReLU", "sources": 3}}, "components.x.sources: 3 is not a list"),
        ({"x": {"type": "ReLU", "sources": [{"nam": "flat"}]}}, r"components.x.sources\[0\]: .* mapping with a 'name'"),
        ({"x": {"type": "ReLU", "sources": [{"name": "flat", "dim": 1}]}}, r"components.x.sources\[0\].dim: not a key"),
        ({"x": {"type": "Add", "sources": [{"name": "flat", "slice": [1]}]}}, r"\[0\].slice: \[1\] is not a list of 2"),
        ({"x": linear("flatt")}, r"components.x.sources: no component 'flatt' \(did you mean 'flat'\?\)"),
        (
            {"cnn1": {"type": "Conv2d", "sources": ["_obs_"], "out_channels": 2, "kernel_size": [3, 3, 3]}},
            "kernel_size",
        ),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], match: str) -> None:
    with error(match):
        build(**changes)


@pytest.mark.parametrize("name", ["_core_", "_action_embeds_", "_action_", "_value_"])
def test_required_components(name: str) -> None:
    components = small_config()["components"]
    del components[name]
    with error(f"the required component '{name}' is missing"):
        parse_components(components)


def test_cycle() -> None:
    with error("the sources form a cycle: encoded_obs <- again <- encoded_obs"):
        build(encoded_obs=linear("again"), again=linear("encoded_obs"))


def test_unreachable_component() -> None:
    message = "Component loose in MettaAgent was never setup. It might not be accessible by other components."
    with error(re.escape(message)):
        build(loose=linear("flat"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"_core_": linear("encoded_obs")}, "'_core_' and nothing else must be an LSTM; LSTMs are none"),
        ({"_action_embeds_": {"type": "ObsTokenPadStrip"}}, "_action_embeds_: must be an ActionEmbedding"),
        ({"_value_": linear("critic_1")}, r"_value_: must have the output shape \(1,\)"),
        ({"_action_": linear("_action_embeds_")}, "components._action_: must have one output"),
    ],
)
def test_roles(changes: dict[str, Any], match: str) -> None:
    with error(match):
        build(**changes)


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"nonlinearity": "nn.Rectify"}, "Unsupported nonlinearity: nn.Rectify"),
        ({"nonlinearity": "ReLU"}, "Unsupported nonlinearity: ReLU"),
        ({"initialization": "Zeros"}, "Invalid initialization method: Zeros"),
        ({"clip_scale": -1}, "components.encoded_obs.clip_scale: -1.0 is less than 0"),
        ({"l2_init_scale": -0.5}, "components.encoded_obs.l2_init_scale: -0.5 is less than 0"),
        ({"out_features": 0}, "components.encoded_obs.out_features: 0 is less than 1"),
    ],
)
def test_bad_values_of_parameter_layers(option: dict[str, Any], match: str) -> None:
    with error(match):
        build(encoded_obs=linear("flat", **option))


def test_convolutions_need_whole_outputs() -> None:
    conv = {"type": "Conv2d", "sources": ["obs_normalizer"], "out_channels": 2, "kernel_size": 2, "stride": 2}
    with error(r"CNN cnn1 output dimensions must be integers. Adjust padding or kernel size."):
        build(cnn1=conv)
    with error("CNN cnn1 output dimensions must be integers"):
        build(cnn1={**conv, "kernel_size": 7, "stride": 1})
    assert build(cnn1={**conv, "kernel_size": 7, "stride": 1, "padding": 1}).node("cnn1").shape == (2, 1, 1)


def test_dead_options_of_the_original_are_ignored_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        graph = build(encoded_obs=linear("flat", effective_rank=True, mlp_out_hidden_dim=512))
    assert graph == build(encoded_obs=linear("flat"))
    assert [record.getMessage() for record in caplog.records] == [
        "components.encoded_obs.effective_rank has no effect and is ignored",
        "components.encoded_obs.mlp_out_hidden_dim has no effect and is ignored",
    ]
    with error("components.encoded_obs.qk_dim: Linear has no such option"):
        build(encoded_obs=linear("flat", qk_dim=3))


def test_more_options_that_the_original_does_not_read(caplog: pytest.LogCaptureFixture) -> None:
    merge = {"type": "AddMergeLayer", "sources": ["flat", "flat"], "output_size": 24}
    embeds = {**small_config()["components"]["_action_embeds_"], "input_source": "nothing"}
    with caplog.at_level(logging.INFO):
        graph = build(sum=merge, encoded_obs=linear("sum"), _action_embeds_=embeds)
    assert graph.node("sum").shape == (24,)
    assert graph.node("_action_embeds_") == build().node("_action_embeds_")
    assert sorted(record.getMessage() for record in caplog.records) == [
        "components._action_embeds_.input_source has no effect and is ignored",
        "components.sum.output_size has no effect and is ignored",
    ]
    with error("components.encoded_obs.output_size: Linear has no such option"):
        build(encoded_obs=linear("flat", output_size=3))
    with error("components.encoded_obs.input_source: Linear has no such option"):
        build(encoded_obs=linear("flat", input_source="flat"))


@pytest.mark.parametrize("written", ["xavier", "XAVIER", "Xavier"])
def test_initializations_in_any_case(written: str) -> None:
    build(encoded_obs=linear("flat", initialization=written))
    agent = build_network(AgentConfig.model_validate(small_config(encoded_obs=linear("flat", initialization=written))))
    layer = next(layer for layer in agent.layers if layer.name == "encoded_obs")
    kernel = jnp.ones((24, 9))
    assert largest_weight(layer.initialization, kernel) == largest_weight("Xavier", kernel) != 1


@pytest.mark.parametrize("options", [{"bias": False}, {"use_bias": False}, {"nn_params": {"bias": False}}])
def test_layers_without_a_bias(options: dict[str, Any]) -> None:
    conv = {"type": "Conv2d", "sources": ["obs_normalizer"], "out_channels": 6, "kernel_size": 3, "stride": 2}
    graph = build(cnn1={**conv, **options}, encoded_obs=linear("flat", **options))
    for name in ("cnn1", "encoded_obs"):
        assert list(graph.node(name).component(parent=None).parameters()) == ["kernel"]
    product = {"type": "Bilinear", "sources": ["flat", "flat"], "out_features": 9, **options}
    graph = build(encoded_obs=product)
    assert list(graph.node("encoded_obs").component(parent=None).parameters()) == ["kernel"]


def test_the_third_dead_option_belongs_to_self_attention() -> None:
    components = small_config(x={"type": "ObsSelfAttn", "sources": ["flat"], "out_dim": 3, "qk_dim": 8})["components"]
    part = next(part for part in parse_components(components).components if part.name == "x")
    assert part.options == (("out_dim", 3),)


def test_slices_are_read() -> None:
    join = {"type": "Concat", "sources": [{"name": "flat", "dim": 1, "slice": [2, 5]}, "flat"]}
    graph = build(join=join, encoded_obs=linear("join"))
    assert graph.node("join").definition.sources == (Source("flat", 1, (2, 5)), Source("flat"))
    assert graph.node("join").shape == (27,)


def test_configuration_objects_lead_to_the_same_network() -> None:
    config = AgentConfig.model_validate(small_config())
    assert build_network(config).source == parse_components(small_config()["components"])
