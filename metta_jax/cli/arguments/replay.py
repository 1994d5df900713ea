"""The arguments of `metta-jax replay`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import add_device, add_import, late, place, seed, size

_EXAMPLES = """\
examples:
  metta-jax replay make out/forage                  the newest policy, in the world of its run
  metta-jax replay make out/forage --world simple --out out/replays --no-open
  metta-jax replay view out/replays/0a1b2c3d4e5f/0a1b2c3d4e5f-00000.json.z"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("replay", help="record an episode, or view recorded ones", epilog=_EXAMPLES)
    parts = parser.add_subparsers(title="commands", required=True, metavar="<command>")

    make = parts.add_parser("make", help="let a policy play, write a replay and a page that plays it, and open it")
    make.add_argument("policy", help="a policy; or a run or a directory of policies, for its newest one")
    make.add_argument("--world", help="its name or file (default: the world that the policy was trained in)")
    make.add_argument("--num-episodes", type=size, default=1, help="one replay each (default: %(default)s)")
    make.add_argument("--out", type=place, help="directory (default: replays/ next to the policy's checkpoints)")
    make.add_argument("--base-url", help="URL where others can load its files; prints MetaScope links")
    make.add_argument("--seed", type=seed, default=0, help="of the map and the actions (default: %(default)s)")
    make.add_argument("--greedy", action="store_true", help="take the most probable actions")
    add_device(make)
    add_import(make)
    make.add_argument("--no-open", action="store_true", help="only write the files")
    make.set_defaults(run=late("metta_jax.cli.replay", "make"))

    view = parts.add_parser("view", help="write a page that plays a replay, and open it")
    view.add_argument("file", type=place, help="a replay, .json.z or plain JSON")
    view.add_argument("--out", type=place, help="the page (default: next to the replay, with the ending .html)")
    view.add_argument("--no-open", action="store_true", help="only write the page")
    view.set_defaults(run=late("metta_jax.cli.replay", "view"))
