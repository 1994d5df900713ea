"""The arguments of `metta-jax worlds`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import add_import, late, place, seed


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("worlds", help="list the named worlds, curricula and suites, or show a world")
    add_import(parser, dest="outer_imports")
    parser.set_defaults(run=late("metta_jax.cli.worlds", "list_worlds"))
    parts = parser.add_subparsers(title="commands", metavar="<command>")
    every = parts.add_parser("list", help="the worlds")
    add_import(every)
    every.set_defaults(run=late("metta_jax.cli.worlds", "list_worlds"))
    curricula = parts.add_parser("curricula", help="the curricula: what `train` takes in addition to worlds")
    curricula.set_defaults(run=late("metta_jax.cli.worlds", "list_curricula"))
    suites = parts.add_parser("suites", help="the evaluation suites: what `eval --suite` takes")
    suites.set_defaults(run=late("metta_jax.cli.worlds", "list_suites"))
    show = parts.add_parser("show", help="draw a map of a world; write it as a picture or a file")
    show.add_argument("name", help="a world, see the list, or the file of one")
    add_import(show)
    show.add_argument("--seed", type=seed, default=0, help="of the map (default: %(default)s)")
    show.add_argument("--out", type=place, help="also write a picture (.png) or a world to change (.yaml, .json)")
    show.set_defaults(run=late("metta_jax.cli.worlds", "show"))
