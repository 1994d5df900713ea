"""The arguments of `metta-jax info`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import late


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("info", help="versions, devices and their memory, for a bug report")
    parser.set_defaults(run=late("metta_jax.cli.info"))
