"""`metta-jax worlds`: the list of what can be named, and a picture of a world."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metta_jax import worlds
from metta_jax.cli.parser import place, seed
from metta_jax.cli.paths import writable_file
from metta_jax.mapgen import build_maps, to_text
from metta_jax.viewer import draw


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("worlds", help="list the named worlds, curricula and suites, or show a world")
    parser.set_defaults(run=_list_worlds)
    parts = parser.add_subparsers(title="commands", metavar="<command>")
    parts.add_parser("list", help="the worlds").set_defaults(run=_list_worlds)
    parts.add_parser("curricula", help="the curricula: what `train` takes beside worlds").set_defaults(
        run=_list_curricula
    )
    parts.add_parser("suites", help="the evaluation suites: what `eval --suite` takes").set_defaults(run=_list_suites)
    show = parts.add_parser("show", help="draw a map of a world, here and as a PNG")
    show.add_argument("name", help="a world, see the list")
    show.add_argument("--seed", type=seed, default=0, help="of the map (default: %(default)s)")
    show.add_argument("--out", type=place, help="the picture (default: the world's name with the ending .png)")
    show.set_defaults(run=_show)


def _list_worlds(options: argparse.Namespace) -> None:
    del options
    width = max(map(len, worlds.list()))
    print(f"{'world':{width}}{'agents':>7}{'items':>6}{'actions':>8}{'steps':>6}  description")
    for name in worlds.list():
        game = worlds.get(name).game
        items, actions = len(game.inventory_item_names), len(game.enabled_actions())
        numbers = f"{game.num_agents:7}{items:6}{actions:8}{game.max_steps:6}"
        print(f"{name:{width}}{numbers}  {worlds.describe(name)}")


def _list_curricula(options: argparse.Namespace) -> None:
    del options
    print("\n".join(worlds.list_curricula()))


def _list_suites(options: argparse.Namespace) -> None:
    del options
    for name in worlds.suites.list_suites():
        print(f"{name:24}{len(worlds.suites.simulations_of(name)):4} simulations")


def _show(options: argparse.Namespace) -> None:
    from metta_jax.viewer.images import save_png  # loads Pillow

    name = worlds.canonical_name(options.name)
    world = worlds.get(name)
    out = writable_file("--out", options.out or Path(f"{name.replace('/', '_')}.png"))
    grid = build_maps(world.map_builder, seed=options.seed, num_maps=1)[0].grid
    print(to_text(grid))
    objects = worlds.map_objects(world.game, grid)
    path = save_png(draw(objects, (grid.shape[1], grid.shape[0])), out)
    print(f"{name}: {worlds.describe(name)}\n{path}")
