"""From a network definition to components in running order, with all shapes known."""

from __future__ import annotations

import dataclasses
from typing import Any

from metta_jax.agent.components import COMPONENTS, Component, Facts
from metta_jax.agent.components.base import Shape
from metta_jax.agent.definition import ComponentDefinition, NetworkDefinition

ROOTS = ("_value_", "_action_")


@dataclasses.dataclass(frozen=True)
class Node:
    """A component that will run: its definition and its place in the graph."""

    definition: ComponentDefinition
    facts: Facts
    source_shapes: tuple[Shape, ...]
    source_rows: tuple[int, ...]
    shape: Shape
    rows: int  # arrays have this many times B * T rows

    @property
    def name(self) -> str:
        return self.definition.name

    def component(self, **linen: Any) -> Component:
        """The linen module of this node; `linen` takes `dtype`, `name` and `parent`."""
        return _component(self.definition, self.facts, self.source_shapes, self.source_rows, **linen)


@dataclasses.dataclass(frozen=True)
class Graph:
    """Nodes in an order in which every source comes before its users."""

    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def core_and_heads(self) -> frozenset[str]:
        """The components that compute in float32 whatever the compute dtype: the recurrent core and the heads after it.

        A state records an observation in small differences: rounded to the 8 bits of bfloat16 they are gone, and
        log-probabilities are off by hundredths, which is as much as a step of PPO changes them. The state would carry
        its roundings on, and they are not the same in one step and in a loop over steps.
        """
        names = {"_core_", "_value_", "_action_", "_action_embeds_"}
        for node in self.nodes:  # sources come before their users
            if any(source.name in names for source in node.definition.sources):
                names.add(node.name)
        return frozenset(names)

    @property
    def first_layers(self) -> tuple[Node, ...]:
        """The nodes that turn observations into what layers see, without parameters, and the layers that see it.

        What they see is large and cheap to compute: the box of an observation has many more numbers than its tokens.
        """
        seen: dict[str, Node] = {}
        core_and_heads = self.core_and_heads
        layers = []
        for node in self.nodes:  # sources come before their users
            if all(source.name in seen for source in node.definition.sources):
                if not node.component(parent=None).parameters():
                    seen[node.name] = node
                elif node.definition.sources and node.name not in core_and_heads:
                    layers.append(node)
        return (*seen.values(), *layers)

    @property
    def mixes_rows(self) -> bool:
        """Whether a component mixes the rows of a call."""
        return any(COMPONENTS[node.definition.kind].mixes_rows for node in self.nodes)

    @property
    def uses_dropout(self) -> bool:
        """Whether a component does something else with a dropout key."""
        return any(node.component(parent=None).uses_dropout for node in self.nodes)


def build_graph(definition: NetworkDefinition, facts: Facts) -> Graph:
    """Order the components backward from `_value_` and `_action_` and compute their shapes.

    Raises ValueError for cycles, components that nothing reaches, options or shapes that do not fit.
    """
    definitions = {component.name: component for component in definition.components}
    nodes: dict[str, Node] = {}
    for root in ROOTS:
        _visit(root, (), definitions, facts, nodes)
    for name in definitions:
        if name not in nodes:
            raise ValueError(
                f"Component {name} in MettaAgent was never setup. It might not be accessible by other components."
            )
    graph = Graph(tuple(nodes.values()))
    _check_roles(graph, facts)
    return graph


def _visit(
    name: str,
    path: tuple[str, ...],
    definitions: dict[str, ComponentDefinition],
    facts: Facts,
    nodes: dict[str, Node],
) -> None:
    if name in path:
        raise ValueError(f"components: the sources form a cycle: {' <- '.join((*path[path.index(name) :], name))}")
    if name in nodes:
        return
    definition = definitions[name]
    for source in definition.sources:
        _visit(source.name, (*path, name), definitions, facts, nodes)
    shapes = tuple(nodes[source.name].shape for source in definition.sources)
    rows = tuple(nodes[source.name].rows for source in definition.sources)
    if len(set(rows)) > 1:
        raise ValueError(f"components.{name}: its sources have different numbers of rows: {list(rows)} times the batch")
    component = _component(definition, facts, shapes, rows, parent=None)
    component.check()
    nodes[name] = Node(definition, facts, shapes, rows, component.shape(), component.rows())


def _component(
    definition: ComponentDefinition,
    facts: Facts,
    source_shapes: tuple[Shape, ...],
    source_rows: tuple[int, ...],
    **linen: Any,
) -> Component:
    kind = COMPONENTS[definition.kind]
    options = dict(definition.options)
    if kind.takes_slices:
        options["slices"] = tuple((source.dim, source.slice) for source in definition.sources)
    return kind(
        component_name=definition.name,
        facts=facts,
        source_shapes=source_shapes,
        source_rows=source_rows,
        **options,
        **linen,
    )


def _check_roles(graph: Graph, facts: Facts) -> None:
    for name in ("_core_", "_value_", "_action_"):
        if any(rows != 1 for rows in (graph.node(name).rows, *graph.node(name).source_rows)):
            raise ValueError(f"components.{name}: needs one row for each observation; a Reshape changed that")
    if graph.node("_value_").shape != (1,):
        raise ValueError(f"components._value_: must have the output shape (1,), not {graph.node('_value_').shape}")
    if graph.node("_action_").shape != (facts.num_actions,):
        raise ValueError(
            f"components._action_: must have one output for each of the {facts.num_actions} flat actions, "
            f"not the shape {graph.node('_action_').shape}"
        )
