"""An agent configuration in its checked form: which components there are, with which options and sources."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from metta_jax.agent.components import ALIASES, COMPONENTS, Component
from metta_jax.agent.components.base import option_fields
from metta_jax.agent.components.merges import Merge
from metta_jax.agent.options import check_option
from metta_jax.core.hints import suggestion

_LOGGER = logging.getLogger(__name__)

REQUIRED_COMPONENTS = ("_core_", "_action_embeds_", "_action_", "_value_")

# Options in the original's own files that nothing read, and the classes they belong to. Accepted, with a log line.
DEAD_OPTIONS: Mapping[str, type[Component]] = {
    "effective_rank": Component,
    "mlp_out_hidden_dim": Component,
    "qk_dim": COMPONENTS["ObsSelfAttn"],
    "output_size": Merge,
    "input_source": COMPONENTS["Embedding"],
}
OTHER_NAMES = {"bias": "use_bias"}  # names there -> here

_STRUCTURE = ("_target_", "type", "sources", "nn_params", "name")


@dataclasses.dataclass(frozen=True)
class Source:
    """One input of a component: a component's output, or the part `slice` = (start, stop) of its axis `dim`."""

    name: str
    dim: int | None = None
    slice: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class ComponentDefinition:
    """A component as configured. `options` are only those that were given, in the form of their annotations."""

    name: str
    kind: str
    options: tuple[tuple[str, Any], ...]
    sources: tuple[Source, ...]


@dataclasses.dataclass(frozen=True)
class NetworkDefinition:
    """All components, in the order of the configuration."""

    components: tuple[ComponentDefinition, ...]


def parse_components(components: Mapping[str, Mapping[str, Any]]) -> NetworkDefinition:
    """Check a mapping name -> component {`_target_` or `type`, `sources`, `nn_params`, options}.

    Options may be given next to `sources` or inside `nn_params`. Raises ValueError for unknown targets and options,
    values of a wrong type, missing options, sources that do not exist, and required components that are missing or of
    another kind. What depends on shapes is checked when the graph is built.
    """
    parsed = tuple(_parse_component(name, entry) for name, entry in components.items())
    for name in REQUIRED_COMPONENTS:
        if name not in components:
            raise ValueError(f"components: the required component '{name}' is missing ({_listed(REQUIRED_COMPONENTS)})")
    recurrent = [component.name for component in parsed if component.kind == "LSTM"]
    if recurrent != ["_core_"]:
        raise ValueError(f"components: '_core_' and nothing else must be an LSTM; LSTMs are {_listed(recurrent)}")
    if any(part.name == "_action_embeds_" and part.kind != "ActionEmbedding" for part in parsed):
        raise ValueError("components._action_embeds_: must be an ActionEmbedding")
    for component in parsed:
        for source in component.sources:
            if source.name not in components:
                raise ValueError(
                    f"components.{component.name}.sources: no component '{source.name}'"
                    f"{suggestion(source.name, components)}; there are {_listed(components)}"
                )
    return NetworkDefinition(parsed)


def _parse_component(name: str, entry: Mapping[str, Any]) -> ComponentDefinition:
    path = f"components.{name}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{path}: {entry!r} is not a mapping")
    targets = [entry[key] for key in ("_target_", "type") if entry.get(key) is not None]
    if len(targets) != 1 or not isinstance(targets[0], str):
        raise ValueError(f"{path}: needs exactly one of '_target_' and 'type', a name of a component")
    kind_name = targets[0].rpartition(".")[2]
    kind_name = ALIASES.get(kind_name, kind_name)
    if kind_name not in COMPONENTS:
        raise ValueError(
            f"{path}: unknown component '{targets[0]}'{suggestion(kind_name, COMPONENTS)}; "
            f"known are {_listed(sorted(COMPONENTS))}"
        )
    if entry.get("name", name) != name:
        raise ValueError(f"{path}.name: {entry['name']!r} differs from the component's key")
    kind = COMPONENTS[kind_name]
    options = _parse_options(path, kind, _given_options(path, entry))
    return ComponentDefinition(name, kind.__name__, options, _parse_sources(path, kind, entry.get("sources")))


def _given_options(path: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    options = {key: value for key, value in entry.items() if key not in _STRUCTURE}
    nested = entry.get("nn_params")
    if nested is None:
        return options
    if not isinstance(nested, Mapping):
        raise ValueError(f"{path}.nn_params: {nested!r} is not a mapping")
    for key, value in nested.items():
        if key in options:
            raise ValueError(f"{path}.nn_params.{key}: given twice, here and next to nn_params")
        options[key] = value
    return options


def _parse_options(path: str, kind: type[Component], given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    fields = option_fields(kind)
    annotations = kind.option_annotations()
    options = []
    for written, value in given.items():
        key = written if written in fields else OTHER_NAMES.get(written, written)
        if key in fields:
            if key != written and key in given:
                raise ValueError(f"{path}.{written}: given twice, also as {key}")
            options.append((key, check_option(f"{path}.{key}", value, annotations[key])))
        elif issubclass(kind, DEAD_OPTIONS.get(key, ())):
            _LOGGER.info("%s.%s has no effect and is ignored", path, key)
        else:
            hint = suggestion(written, fields)
            raise ValueError(f"{path}.{written}: {kind.__name__} has no such option{hint}; it has {_listed(fields)}")
    for key, field in fields.items():
        missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if missing and key not in given:
            raise ValueError(f"{path}.{key}: is required by {kind.__name__}")
    return tuple(options)


def _parse_sources(path: str, kind: type[Component], given: Any) -> tuple[Source, ...]:
    entries = [given] if isinstance(given, str | Mapping) else ([] if given is None else given)
    if not isinstance(entries, Sequence):
        raise ValueError(f"{path}.sources: {given!r} is not a list")
    sources = tuple(_parse_source(f"{path}.sources[{index}]", kind, entry) for index, entry in enumerate(entries))
    least, most = kind.num_sources
    if not least <= len(sources) <= most:
        wanted = str(least) if least == most else f"{least}..{most}"
        raise ValueError(f"{path}.sources: {len(sources)} given, {kind.__name__} takes {wanted}")
    return sources


def _parse_source(path: str, kind: type[Component], entry: Any) -> Source:
    if isinstance(entry, str):
        return Source(entry)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ValueError(f"{path}: {entry!r} is not a mapping with a 'name'")
    allowed = ("name", "dim", "slice") if kind.takes_slices else ("name",)
    for key in entry:
        if key not in allowed:
            raise ValueError(f"{path}.{key}: not a key of a source of {kind.__name__}; allowed are {_listed(allowed)}")
    dim = check_option(f"{path}.dim", entry.get("dim"), int | None)
    part = check_option(f"{path}.slice", entry.get("slice"), tuple[int, int] | None)
    return Source(entry["name"], dim, part)


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
