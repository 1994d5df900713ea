"""Parsing of arguments: help as wide as the terminal, one-line errors, numbers such as 1e6 and 1_000_000.

Nothing here loads JAX before it is needed, so that help and errors appear at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from metta_jax.cli.help_text import HelpFormatter
from metta_jax.cli.loading import leaves_at_once


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose descriptions are paragraphs and whose examples keep their lines."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", HelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage before it."""
        self.exit(2, f"metta-jax: {message} (see `{self.prog} --help`)\n")


def late(module: str, function: str = "run") -> Callable[[argparse.Namespace], int | None]:
    """What `options.run` is: a function of a module that is only loaded when the command runs."""

    def run(options: argparse.Namespace) -> int | None:
        with leaves_at_once():
            loaded = importlib.import_module(module)
        return getattr(loaded, function)(options)

    return run


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, which becomes a jax.Device, or None if it is not given."""
    parser.add_argument("--device", type=_device, help="cpu, gpu, cuda:1, tpu, ... (default: the best available)")


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Add `--devices`, and a `--device` that stays a name, since JAX must know how many there are before it starts."""
    parser.add_argument("--device", help="cpu, gpu, cuda:1, tpu, ... (default: the best available)")
    parser.add_argument(
        "--devices",
        type=devices,
        metavar="all|N",
        help="divide the run among devices (default: one; CPU: its cores)",
    )


def add_import(parser: argparse.ArgumentParser, dest: str = "imports") -> None:
    """Add `--import`, for modules that register worlds; `load_modules` loads them."""
    parser.add_argument(
        "--import",
        dest=dest,
        action="append",
        default=[],
        metavar="MODULE",
        help="load this Python module first, which registers worlds (worlds.register); may be given again",
    )


def load_modules(names: Iterable[str]) -> None:
    """Load the modules of `--import`, including from the current directory.

    Raises a ValueError if there is no such module; what a module itself raises is not changed.
    """
    here = os.getcwd()
    for name in names:
        if here not in sys.path and "" not in sys.path:
            sys.path.append(here)  # stays there: a module may load others later
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # of a module that it needs
            hint = f" (did you mean {name.removesuffix('.py')!r}?)" if name.endswith(".py") else ""
            raise ValueError(f"--import: there is no module {name!r} here or on the path{hint}") from None


def count(text: str) -> int:
    """A whole number, also as 1e6 or 1_000_000."""
    try:
        number = float(text)
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    return int(text) if text.replace("_", "").lstrip("+-").isdigit() else int(number)


def positive(text: str) -> int:
    """A whole number, at least 1."""
    number = count(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def size(text: str) -> int:
    """A whole number, 1..2^31-1: what an axis of an array can have."""
    number = positive(text)
    if number >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not in 1..{2**31 - 1}")
    return number


def place(text: str) -> Path:
    """A file or a directory. No text is a mistake, such as a variable that is not set, and not the directory here."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path")
    return Path(text)


def devices(text: str) -> int | str:
    """A number of devices, or "all"."""
    return text if text == "all" else positive(text)


def seed(text: str) -> int:
    """A whole number, 0..2^32-1."""
    number = count(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..{2**32 - 1}")
    return number


def port(text: str) -> int:
    """The number of a port, 0..65535."""
    number = count(text)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..65535")
    return number


def seconds(text: str) -> float:
    """A time, more than 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def named_device(text: str | None) -> Any:
    """The device that a `--device` names. Raises a ValueError if there is none."""
    from metta_jax.agent.device import find_device  # loads JAX

    try:
        return find_device(text)
    except ValueError as error:
        raise ValueError(f"--{error}") from None


def _device(text: str) -> Any:
    from metta_jax.agent.device import find_device  # loads JAX

    try:
        return find_device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("device: ")) from None
