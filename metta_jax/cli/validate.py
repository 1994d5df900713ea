"""`metta-jax validate`: whether configurations are good, before a run needs them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metta_jax import worlds
from metta_jax.cli.run_options import read_run
from metta_jax.mapgen import build_maps


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("validate", help="check a world, a curriculum, a configuration file, or all worlds")
    parser.add_argument("names", nargs="*", help="worlds, curricula or files (default: every name)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    names = options.names or [*worlds.list(), *worlds.list_curricula()]
    for name in names:
        if Path(name).is_file():
            read_run(Path(name))
        elif worlds.short_name(name) in worlds.list():
            build_maps(worlds.get(name).map_builder, seed=0, num_maps=1)
        else:
            worlds.make_curriculum(name)
        print(f"{name}: good")
