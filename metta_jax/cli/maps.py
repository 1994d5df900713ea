"""`metta-jax map`: makes maps as text files, shows them, and normalizes their symbols."""

from __future__ import annotations

import argparse
from typing import Any

from metta_jax import worlds
from metta_jax.cli.parser import add_import, place, seed, size
from metta_jax.cli.paths import writable_file
from metta_jax.config.yaml_file import read_plain_file
from metta_jax.mapgen import (
    MapBuilder,
    MapGen,
    Scene,
    StoredMap,
    build_maps,
    from_plain,
    normalized_text,
    plain,
    read_builder,
    read_stored_map,
    to_text,
    write_stored_map,
)
from metta_jax.viewer import draw
from metta_jax.worlds.source import is_file

_EXAMPLES = """\
examples:
  metta-jax map gen arena/basic --seed 3 --out arena.map
  metta-jax map gen scene.yaml --width 40 --height 20          here, on the screen
  metta-jax map view arena.map --out arena.png
  metta-jax map normalize drawn.txt --in-place
"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("map", help="make maps as text files, show them, rewrite their symbols")
    parser.epilog = _EXAMPLES
    parts = parser.add_subparsers(title="commands", required=True, metavar="<command>")

    make = parts.add_parser("gen", help="draw maps of a world, a map builder or a scene", epilog=_EXAMPLES)
    make.add_argument("source", help="a world, or a .yaml file of a world, a scene or a map builder (see docs/maps.md)")
    add_import(make)
    make.add_argument("--seed", type=seed, default=0, help="of the maps (default: %(default)s)")
    make.add_argument("--num-maps", type=size, default=1, help="how many (default: %(default)s)")
    make.add_argument("--width", type=size, help="cells of a scene without a size of its own")
    make.add_argument("--height", type=size, help="cells of a scene without a size of its own")
    make.add_argument("--border", type=size, default=1, help="cells of wall around a scene (default: %(default)s)")
    make.add_argument("--out", type=place, help="a file; of several maps one each, with _0, _1 (default: the screen)")
    make.set_defaults(run=_gen)

    view = parts.add_parser("view", help="show a map file, here and as a PNG")
    view.add_argument("file", type=place)
    view.add_argument("--out", type=place, help="the picture (default: the file's name with the ending .png)")
    view.set_defaults(run=_view)

    normalize = parts.add_parser("normalize", help="write a map file with the one symbol of each name that is written")
    normalize.add_argument("file", type=place)
    normalize.add_argument("--in-place", action="store_true", help="into the file (default: it is printed)")
    normalize.set_defaults(run=_normalize)


def _gen(options: argparse.Namespace) -> None:
    builder = _builder(options)
    made = build_maps(builder, seed=options.seed, num_maps=options.num_maps)
    if options.out is None:
        print("\n\n".join(to_text(game_map.grid) for game_map in made))
        return
    for i, game_map in enumerate(made):
        path = options.out if len(made) == 1 else options.out.with_stem(f"{options.out.stem}_{i}")
        metadata = {"seed": options.seed, "number": i}
        write_stored_map(writable_file("--out", path), StoredMap(game_map, metadata, config=plain(builder)))
        print(path)


def _builder(options: argparse.Namespace) -> MapBuilder:
    given = {"width": options.width, "height": options.height}
    content = read_plain_file(options.source) if is_file(options.source) else None
    if content is None or (isinstance(content, dict) and "game" in content):
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"--{name}: {value} is for scenes; a world has its own size")
        return worlds.read(options.source).map_builder
    try:
        made = from_plain(content)
        if isinstance(made, Scene):
            return MapGen(made, border_width=options.border, **given)
        builder = read_builder(made)
    except ValueError as error:
        raise ValueError(f"{options.source}: {str(error).removeprefix(f'{options.source}: ')}") from None
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"--{name}: {value} is for scenes; {options.source} is a builder with its own size")
    return builder


def _view(options: argparse.Namespace) -> None:
    from metta_jax.viewer.images import save_png  # loads Pillow

    grid = read_stored_map(options.file).game_map.grid
    path = writable_file("--out", options.out or options.file.with_suffix(".png"))
    print(to_text(grid))
    print(save_png(draw(worlds.map_objects(None, grid), (grid.shape[1], grid.shape[0])), path))


def _normalize(options: argparse.Namespace) -> None:
    read_stored_map(options.file)  # raises errors that name the file
    text = normalized_text(options.file.read_text(encoding="utf-8"))
    if not options.in_place:
        print(text, end="")
    else:
        options.file.write_text(text, encoding="utf-8")
        print(options.file)
