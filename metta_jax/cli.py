"""`python -m metta_jax <command>`."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import jax

from metta_jax import __version__, worlds
from metta_jax.mapgen import build_maps, to_text
from metta_jax.viewer import draw, open_viewer, read_replay, write_viewer

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pydantic")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code; mistakes of the user are one line on standard error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except ValueError as error:
        parser.exit(2, f"metta-jax: {error}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="metta-jax", description="MettaGrid and its training API in JAX.")
    parser.add_argument("--version", action="version", version=f"metta-jax {__version__}")
    commands = parser.add_subparsers(title="commands", required=True)

    info = commands.add_parser("info", help="versions and devices, for a bug report")
    info.set_defaults(run=_info)

    listed = commands.add_parser("worlds", help="list the named worlds, or show one")
    listed.set_defaults(run=_worlds)
    show = listed.add_subparsers(title="commands").add_parser("show", help="draw a map of a world, here and as a PNG")
    show.add_argument("name", help="a world, see the list")
    show.add_argument("--seed", type=int, default=0, help="of the map (default: %(default)s)")
    show.add_argument("--out", type=Path, help="the picture (default: the world's name with the ending .png)")
    show.set_defaults(run=_show_world)

    replay = commands.add_parser("replay", help="look at recorded episodes")
    replay_commands = replay.add_subparsers(title="commands", required=True)
    view = replay_commands.add_parser("view", help="write a page that plays a replay, and open it")
    view.add_argument("file", type=Path, help="a replay, .json.z or plain JSON")
    view.add_argument("--out", type=Path, help="the page (default: beside the replay, with the ending .html)")
    view.add_argument("--no-open", action="store_true", help="only write the page")
    view.set_defaults(run=_view_replay)
    return parser


def _info(options: argparse.Namespace) -> None:
    del options
    rows = [("metta-jax", __version__), ("python", platform.python_version()), ("platform", platform.platform())]
    rows += [(name, metadata.version(name)) for name in _PACKAGES]
    rows += [("device", f"{device.platform}:{device.id} {device.device_kind}") for device in jax.devices()]
    for name, value in rows:
        print(f"{name:18}{value}")


def _worlds(options: argparse.Namespace) -> None:
    del options
    width = max(map(len, worlds.list()))
    print(f"{'world':{width}}{'agents':>7}{'items':>6}{'actions':>8}{'steps':>6}  description")
    for name in worlds.list():
        game = worlds.get(name).game
        items, actions = len(game.inventory_item_names), len(game.enabled_actions())
        numbers = f"{game.num_agents:7}{items:6}{actions:8}{game.max_steps:6}"
        print(f"{name:{width}}{numbers}  {worlds.describe(name)}")


def _show_world(options: argparse.Namespace) -> None:
    from metta_jax.viewer.images import save_png  # loads Pillow

    name = worlds.canonical_name(options.name)
    world = worlds.get(name)
    grid = build_maps(world.map_builder, seed=options.seed, num_maps=1)[0].grid
    print(to_text(grid))
    objects = worlds.map_objects(world.game, grid)
    path = save_png(draw(objects, (grid.shape[1], grid.shape[0])), options.out or f"{name.replace('/', '_')}.png")
    print(f"{name}: {worlds.describe(name)}\n{path}")


def _view_replay(options: argparse.Namespace) -> None:
    replay: Path = options.file
    name = replay.name.removesuffix(".z").removesuffix(".json")
    try:
        read_replay(replay)
        page = write_viewer(replay, options.out or replay.with_name(f"{name}.html"))
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    print(page)
    if not options.no_open and not open_viewer(page):
        print("No browser was found: open this page in one.")
