"""`python -m metta_jax <command>`, and `metta-jax <command>`: one file for each command."""

from metta_jax.cli.command_line import main

__all__ = ["main"]
