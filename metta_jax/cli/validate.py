"""`metta-jax validate`: check configurations before a run needs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metta_jax import worlds
from metta_jax.agent.build import build_network
from metta_jax.cli.parser import add_import
from metta_jax.cli.run_options import read_run
from metta_jax.config import AgentConfig, SimulationSuiteConfig
from metta_jax.config.yaml_file import FILE_ENDINGS
from metta_jax.curriculum import is_curriculum
from metta_jax.mapgen import Scene, build_maps, from_plain, read_builder, read_stored_map
from metta_jax.mettagrid.map_pool import read_maps
from metta_jax.sim.world import playable_env
from metta_jax.worlds.source import draw_maps, is_file, read_mapping


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("validate", help="check a world, a curriculum, a configuration file, or all worlds")
    parser.description = (
        "Says what a file contains and whether it is valid: a world, a curriculum, a scene, a map builder, an agent, a "
        "suite of simulations, a run, a trainer's configuration, or a drawn map."
    )
    parser.add_argument("names", nargs="*", help="worlds, curricula or files (default: every name)")
    add_import(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    names = options.names or [*worlds.list(), *worlds.list_curricula()]
    for name in names:
        print(f"{name}: valid, {_checked(name)}")


def _checked(name: str) -> str:
    """Describe what a name or a file is. Raises a ValueError if it is not valid."""
    path = Path(name)
    if not path.is_file():
        return _checked_world(name) if not is_file(name) and worlds.is_world(name) else _checked_curriculum(name)
    if path.suffix not in FILE_ENDINGS:
        read_stored_map(path)
        return "a drawn map"
    content = read_mapping(path)
    if "game" in content:
        return _checked_world(path)
    if is_curriculum(content):
        return _checked_curriculum(path)
    is_run = bool({"trainer", "environment"} & content.keys())
    check = None if is_run else next((check for keys, check in _CHECKS if keys & content.keys()), None)
    if check is None:
        read_run(path)
        return "a run" if is_run else "a trainer's configuration"
    try:
        return check(content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _checked_world(source: str | Path) -> str:
    """Draw a map and check that it contains only what the game has."""
    config = worlds.read(source)
    try:
        read_maps(config.game, draw_maps(config, seed=0, num_maps=1))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return "a world"


def _checked_curriculum(source: str | Path) -> str:
    worlds.make_curriculum(source)
    return "a curriculum"


def _checked_part(content: Any) -> str:
    made = from_plain(content)
    if isinstance(made, Scene):
        return "a scene"
    build_maps(read_builder(made), seed=0, num_maps=1)
    return "a map builder"


def _checked_agent(content: Any) -> str:
    build_network(AgentConfig.model_validate(content))
    return "an agent"


def _checked_suite(content: Any) -> str:
    suite = SimulationSuiteConfig.model_validate(content)
    for simulation in suite.simulations.values():
        playable_env(simulation)
    return "a suite of simulations"


# Keys that tell what a file holds; what has none of them is a run, or a trainer's configuration.
_CHECKS: tuple[tuple[frozenset[str], Callable[[Any], str]], ...] = (
    (frozenset({"components", "preset", "agent"}), _checked_agent),
    (frozenset({"type", "_target_"}), _checked_part),
    (frozenset({"simulations"}), _checked_suite),
)
