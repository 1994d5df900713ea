"""`metta-jax worlds`: the list of what can be named, and a picture of a world."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from metta_jax import worlds
from metta_jax.cli.paths import writable_file
from metta_jax.mapgen import SYMBOLS, to_text
from metta_jax.mapgen.ascii import symbol_of
from metta_jax.mapgen.game_map import EMPTY, Grid
from metta_jax.viewer import draw
from metta_jax.worlds.source import draw_maps, is_name, world_name

_OUTPUTS = (".png", ".yaml", ".yml", ".json")


def list_worlds(options: argparse.Namespace) -> None:
    del options
    width = max(map(len, worlds.list()))
    print(f"{'world':{width}}{'agents':>7}{'items':>6}{'actions':>8}{'steps':>6}  description")
    for name in worlds.list():
        game = worlds.get(name).game
        items, actions = len(game.inventory_item_names), len(game.enabled_actions())
        numbers = f"{game.num_agents:7}{items:6}{actions:8}{game.max_steps:6}"
        print(f"{name:{width}}{numbers}  {worlds.describe(name)}")


def list_curricula(options: argparse.Namespace) -> None:
    del options
    print("\n".join(worlds.list_curricula()))


def list_suites(options: argparse.Namespace) -> None:
    del options
    for name in worlds.suites.list_suites():
        print(f"{name:24}{len(worlds.suites.simulations_of(name)):4} simulations")


def show(options: argparse.Namespace) -> None:
    world = worlds.read(options.name)
    name, description = world_name(options.name), ""
    if is_name(options.name):
        name = worlds.canonical_name(options.name)
        description = f": {worlds.describe(name)}"
    out = None if options.out is None else _output(options.out)
    grid = draw_maps(world, seed=options.seed, num_maps=1)[0].grid
    print(to_text(grid))
    print(f"{name}{description}\n{legend_of(grid)}")
    if out is None:
        return
    if out.suffix == ".png":
        from metta_jax.viewer.images import save_png  # loads Pillow

        objects = worlds.map_objects(world.game, grid)
        print(save_png(draw(objects, (grid.shape[1], grid.shape[0])), out))
        return
    if out.suffix == ".json":
        out.write_text(world.model_dump_json(indent=1) + "\n", encoding="utf-8")
    else:
        world.to_yaml(out)
    print(out)


def _output(path: Path) -> Path:
    if path.suffix not in _OUTPUTS:
        raise ValueError(f"--out: {str(path)!r} does not end in {', '.join(_OUTPUTS[:-1])} or {_OUTPUTS[-1]}")
    return writable_file("--out", path)


def legend_of(grid: Grid) -> str:
    """What the symbols of a map mean, in the order of the table of all symbols: `@ agent  # wall`."""
    there = set(np.unique(grid).tolist()) - {EMPTY}
    names = [name for name in SYMBOLS if name in there]
    return "  ".join(f"{symbol_of(name)} {name.removeprefix('agent.')}" for name in names)
