"""The fields of a run by their path, and the values that each accepts."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic.fields import FieldInfo

from metta_jax.config import AgentConfig, Config, TrainerConfig
from metta_jax.config.errors import describe
from metta_jax.config.fields import Count
from metta_jax.core.hints import hint, suggestion
from metta_jax.worlds.environment import Environment

# The sweep decides where files go, and `target` has no alternative.
_NOT_SEARCHED = {
    "run_dir": "is the trial's own",
    "checkpoint.checkpoint_dir": "is the trial's own",
    "simulation.replay_dir": "is the trial's own",
    "profiler.profile_dir": "is the trial's own",
    "target": "has one value only",
}
_OF_ENVIRONMENT_NOT = frozenset({"device", "curriculum_path", "env_config"})


@dataclass(frozen=True)
class RunField:
    """A field of a run.

    Attributes:
      parts: its path in {"trainer": ..., "environment": ..., "agent": ..., "seed": ...}.
      type: its type, with its bounds; Any if it is checked elsewhere.
    """

    parts: tuple[str, ...]
    type: Any

    @functools.cached_property
    def kinds(self) -> frozenset[type]:
        """The plain types among those that it takes; a literal's text counts as text."""
        return frozenset(_kinds(self.type))

    @property
    def examples(self) -> str:
        """` of 'a', 'b'` for a field that takes a few texts; ` of true, false` for a switch; else nothing."""
        words = [repr(word) for word in _literals(self.type)]
        words = words or (["true", "false"] if bool in self.kinds else [])
        return f" of {', '.join(words)}" if words else ""

    def check(self, value: Any) -> None:
        """Raise a ValueError that says what is allowed if the field does not take the value."""
        if self.type is Any:
            return
        try:
            TypeAdapter(self.type, config=ConfigDict(strict=True, allow_inf_nan=False)).validate_python(value)
        except ValidationError as error:
            message = describe({**error.errors(include_url=False)[0], "loc": ()})
            raise ValueError(message[:1].lower() + message[1:]) from None


def find_field(path: str) -> RunField:
    """The field of a run with this path: one of `--set`, or one starting with `environment.`, `agent.` or `trainer.`.

    Raises:
      ValueError: there is none; names the nearest one.
    """
    section, _, rest = path.partition(".")
    if path == "seed":
        return RunField(("seed",), Count)
    if path == "agent":
        return RunField(("agent",), _agent_type())
    if section == "environment":
        arguments = environment_arguments()
        if rest not in arguments:
            raise ValueError(f"{path!r} is not an argument of Environment{hint(rest, arguments)}")
        return RunField(("environment", rest), arguments[rest])
    if section == "agent":
        return RunField(("agent", *rest.split(".")), _config_field(AgentConfig, rest, path, "AgentConfig"))
    name = rest if section == "trainer" and rest else path
    if name in _NOT_SEARCHED:
        raise ValueError(f"{name!r} {_NOT_SEARCHED[name]}")
    return RunField(("trainer", *name.split(".")), _config_field(TrainerConfig, name, path, "TrainerConfig"))


def environment_arguments() -> dict[str, Any]:
    """The arguments of `Environment` that belong to a run, with their types."""
    hints = typing.get_type_hints(Environment.__init__)
    return {
        name: _checkable(hint) for name, hint in hints.items() if name not in _OF_ENVIRONMENT_NOT | {"self", "return"}
    }


def _config_field(config: type[Config], name: str, path: str, title: str) -> Any:
    """The type of a field inside a configuration."""
    known = dict(_leaves(config))
    if name not in known:
        inside = [leaf for leaf in known if leaf.startswith(f"{name}.")]
        others = {leaf.rpartition(".")[2]: leaf for leaf in known}
        last = name.rpartition(".")[2]
        if inside:
            raise ValueError(f"{path!r} is a group of fields; name one of them, such as {inside[0]!r}")
        hint = f" (did you mean {others[last]!r}?)" if last in others else suggestion(name, known)
        raise ValueError(f"{path!r} is not a field of {title}{hint}")
    return _type(known[name])


def _leaves(config: type[Config], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in config.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Config):
            yield from _leaves(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _type(field: FieldInfo) -> Any:
    """The annotation of a field with what it carries; one metadata at a time, as `Annotated` takes it."""
    annotation: Any = field.annotation
    for metadata in field.metadata:
        annotation = Annotated[annotation, metadata]
    return annotation


def _agent_type() -> Any:
    return AgentConfig.model_fields["preset"].annotation


def _checkable(hint: Any) -> Any:
    """The type if pydantic can check it, else Any."""
    try:
        TypeAdapter(hint, config=ConfigDict(strict=True))
    except (PydanticSchemaGenerationError, TypeError):
        return Any
    return hint


def _kinds(annotation: Any) -> Iterator[type]:
    if annotation is Any:
        yield from (int, float, str)
    elif typing.get_origin(annotation) is Annotated:
        yield from _kinds(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) is typing.Literal:
        yield str
    elif isinstance(annotation, type):
        yield annotation
    else:
        for argument in typing.get_args(annotation):
            yield from _kinds(argument)


def _literals(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
    elif typing.get_origin(annotation) is not None:
        for argument in typing.get_args(annotation):
            yield from _literals(argument)
