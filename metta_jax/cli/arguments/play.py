"""The arguments of `metta-jax play`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import add_device, add_import, late, port, seed

_DESCRIPTION = """\
You control one agent at a time, in the browser or the terminal; each of your actions is one step for all agents. The
others follow the policy, or do nothing without one."""
_EXAMPLES = """\
examples:
  metta-jax play forage
  metta-jax play --policy out/forage      with the newest policy, in the world of its run"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    play = commands.add_parser(
        "play", help="play a world by hand, in the browser or the terminal", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    play.add_argument("world", nargs="?", help="a world's name or file (default: the policy's, else `default`)")
    play.add_argument("--policy", help="controls the other agents: a policy, a run, or a directory of policies")
    play.add_argument("--greedy", action="store_true", help="the policy takes its most probable actions")
    play.add_argument("--seed", type=seed, default=0, help="of the map, orders and actions (default: %(default)s)")
    add_device(play)
    add_import(play)
    play.add_argument("--terminal", action="store_true", help="play in this terminal")
    play.add_argument("--port", type=port, default=0, help="of the page on this machine (default: a free one)")
    play.add_argument("--no-open", action="store_true", help="only print the address of the page")
    play.set_defaults(run=late("metta_jax.cli.play"))
