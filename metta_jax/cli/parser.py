"""Parsing of arguments: help that keeps its lines, mistakes in one line, and numbers as people write them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """An ArgumentParser for descriptions and examples with lines of their own."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage before it."""
        self.exit(2, f"metta-jax: {message} (see `{self.prog} --help`)\n")


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
        raise argparse.ArgumentTypeError("'' is no path")
    return Path(text)


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
