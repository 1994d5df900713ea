"""Errors of configurations: one line for each problem, `path: what is wrong`."""

from collections.abc import Callable, Iterable
from typing import Any, LiteralString, NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from metta_jax.core.hints import suggestion

_LONGEST_VALUE = 60


class ConfigError(ValidationError):
    """A configuration was refused.

    It is a pydantic ValidationError, and so a ValueError; `errors()` lists the problems with `loc`, `type`, `input`.
    Only its text differs: one line for each problem, with the full path of the field, the value, and what is allowed.
    """

    def __str__(self) -> str:
        problems = [describe(error) for error in self.errors(include_url=False)]
        if len(problems) == 1:
            return f"{self.title}: {problems[0]}" if _has_no_path(self) else problems[0]
        return "\n  ".join([f"{len(problems)} problems in {self.title}:", *problems])

    __repr__ = __str__


class Problem(NamedTuple):
    """One thing that is wrong, at a path relative to the configuration that reports it."""

    path: tuple[str | int, ...]
    message: str
    value: Any = None


def describe(error: Any) -> str:
    """`path: message` of one entry of `errors()`, with the value where the message does not name it."""
    path = ".".join(str(part) for part in error["loc"])
    message = error["msg"]
    if message.startswith("Input should"):  # pydantic's own words, which leave the value out
        message += f", not {_short(error['input'])}"
    return f"{path}: {message}" if path else message


def custom(message: str, kind: str = "config") -> PydanticCustomError:
    """A problem at the place where it is raised. The text may contain braces."""
    return PydanticCustomError(cast("LiteralString", kind), "{message}", {"message": message})


def problems_error(title: str, problems: Iterable[Problem]) -> ValidationError:
    """One error for several problems; raised inside a validator, each keeps its own path."""
    details = [InitErrorDetails(type=custom(message), loc=path, input=value) for path, message, value in problems]
    return ValidationError.from_exception_data(title, details)


def with_suggestions(error: ValidationError, title: str, known: Iterable[str]) -> ValidationError:
    """The same error; unknown keys of this level say which known key is spelled nearly the same."""
    known = list(known)
    return ValidationError.from_exception_data(title, _details(error, lambda detail: _suggestion(detail, known)))


def config_error(error: ValidationError, title: str) -> ConfigError:
    """The same problems as a ConfigError about the class `title`."""
    return ConfigError.from_exception_data(title, _details(error, lambda detail: detail["msg"]))


def _details(error: ValidationError, message_fn: Callable[[Any], str]) -> list[InitErrorDetails]:
    return [
        InitErrorDetails(type=custom(message_fn(detail), detail["type"]), loc=detail["loc"], input=detail["input"])
        for detail in error.errors(include_url=False)
    ]


def _suggestion(detail: Any, known: list[str]) -> str:
    message = detail["msg"]
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1 and "did you mean" not in message:
        return f"{message}{suggestion(detail['loc'][0], known)}"
    return message


def _has_no_path(error: ValidationError) -> bool:
    return not any(detail["loc"] for detail in error.errors(include_url=False))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
