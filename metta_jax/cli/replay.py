"""`metta-jax replay`: record an episode of a policy, look at recorded ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jax

from metta_jax.cli.own_world import own_world
from metta_jax.cli.parser import place, seed, size
from metta_jax.cli.paths import writable_directory
from metta_jax.store import PolicyStore, load_checkpoint
from metta_jax.viewer import open_viewer, read_replay, write_viewer

_EXAMPLES = """\
examples:
  metta-jax replay make out/forage/checkpoints                  the newest policy, in the world of its run
  metta-jax replay make out/forage/checkpoints --world simple --out out/replays --no-open
  metta-jax replay view out/replays/0a1b2c3d4e5f/0a1b2c3d4e5f-00000.json.z"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser("replay", help="record an episode, look at recorded ones", epilog=_EXAMPLES)
    parts = parser.add_subparsers(title="commands", required=True, metavar="<command>")

    make = parts.add_parser("make", help="let a policy play, write a replay and a page that plays it, and open it")
    make.add_argument("policy", help="a policy, or a directory of checkpoints: then its newest one")
    make.add_argument("--world", help="(default: the world that the policy was trained in)")
    make.add_argument("--num-episodes", type=size, default=1, help="a replay each (default: %(default)s)")
    make.add_argument("--out", type=place, help="directory (default: replays/ beside the policy's checkpoints)")
    make.add_argument("--base-url", help="where others can load its files: prints addresses for MetaScope")
    make.add_argument("--seed", type=seed, default=0, help="of the map and the actions (default: %(default)s)")
    make.add_argument("--greedy", action="store_true", help="take the most probable actions")
    make.add_argument("--no-open", action="store_true", help="only write the files")
    make.set_defaults(run=_make)

    view = parts.add_parser("view", help="write a page that plays a replay, and open it")
    view.add_argument("file", type=place, help="a replay, .json.z or plain JSON")
    view.add_argument("--out", type=place, help="the page (default: beside the replay, with the ending .html)")
    view.add_argument("--no-open", action="store_true", help="only write the page")
    view.set_defaults(run=_view)


def _make(options: argparse.Namespace) -> None:
    from metta_jax.sim import http_url, player_url, simulate

    record = load_checkpoint(PolicyStore(), options.policy)
    world = options.world or own_world("--world", record)
    directory = options.out or record.file_path.parent.parent / "replays"
    writable_directory("--out", directory)
    play = {"replay_dir": directory, "key": jax.random.key(options.seed), "greedy": options.greedy}
    with simulate(record, world, options.num_episodes, **play) as results:
        replays = [Path(url) for urls in (results.replay_urls or {}).values() for url in urls]
        for (_, name), score in results.scores.simulation_scores.items():
            print(f"{record.run_name} in {name}: reward {score:.3f} an agent")
    for replay in replays:
        print(replay)
        if options.base_url is not None:
            print(player_url(http_url(replay, options.base_url, root=directory)))
        _show(replay, None, is_opened=not options.no_open)


def _view(options: argparse.Namespace) -> None:
    _show(options.file, options.out, is_opened=not options.no_open)


def _show(replay: Path, out: Path | None, *, is_opened: bool) -> None:
    name = replay.name.removesuffix(".z").removesuffix(".json")
    try:
        read_replay(replay)
        page = write_viewer(replay, out or replay.with_name(f"{name}.html"))
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    print(page)
    if is_opened and not open_viewer(page):
        print("No browser was found: open this page in one.")
