"""`metta-jax play`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import webbrowser
from typing import Any

import jax

from metta_jax.cli.own_world import own_world
from metta_jax.cli.parser import port, seed
from metta_jax.viewer.live_game import LiveGame, PolicyFn
from metta_jax.viewer.live_terminal import play_in_terminal
from metta_jax.worlds.environment import Environment

_DESCRIPTION = """\
You move one agent at a time, in the browser or the terminal; each of your actions is one step of all. The others do
what the policy says, or nothing without one."""

_EXAMPLES = """\
examples:
  metta-jax play forage
  metta-jax play --policy out/forage/checkpoints      beside the newest policy, in the world of its run"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    play = commands.add_parser(
        "play", help="play a world by hand, in the browser or the terminal", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    play.add_argument("world", nargs="?", help="a world (default: the one that the policy is from, else `default`)")
    play.add_argument("--policy", help="plays the other agents: a policy, or a directory of checkpoints")
    play.add_argument("--greedy", action="store_true", help="the policy takes its most probable actions")
    play.add_argument("--seed", type=seed, default=0, help="of the map, orders and actions (default: %(default)s)")
    play.add_argument("--terminal", action="store_true", help="in this terminal")
    play.add_argument("--port", type=port, default=0, help="of the page on this machine (default: a free one)")
    play.add_argument("--no-open", action="store_true", help="only print the address of the page")
    play.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.terminal and not sys.stdin.isatty():
        raise ValueError("--terminal: standard input is not a terminal")
    env, policy_fn = _env_and_policy(options)
    game = LiveGame(env.mettagrid, jax.random.key(options.seed), policy_fn=policy_fn)
    if options.terminal:
        play_in_terminal(game)
        return

    def ready(address: str) -> None:
        print(f"{address} (end with control-C)", flush=True)
        if not options.no_open:
            webbrowser.open(address)

    # Loads a web server, which no other command needs.
    from metta_jax.viewer.live_server import serve_game

    try:
        asyncio.run(serve_game(game, port=options.port, ready_fn=ready))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise ValueError(f"--port: {options.port}: {error.strerror}") from None


def _env_and_policy(options: argparse.Namespace) -> tuple[Environment, PolicyFn | None]:
    common: dict[str, Any] = {"seed": options.seed, "num_maps": 16}
    if options.policy is None:
        if options.greedy:
            raise ValueError("--greedy: is for --policy, which is missing")
        return Environment(options.world, **common), None
    from metta_jax.adapters import PolicyDriver
    from metta_jax.store import PolicyStore, load_checkpoint

    record = load_checkpoint(PolicyStore(), options.policy)
    if options.world is None:
        env = Environment(env_config=own_world("world", record), **common)
    else:
        env = Environment(options.world, **common)
    try:
        driver = PolicyDriver(record.agent, record.params, env.mettagrid, seed=options.seed, greedy=options.greedy)
    except ValueError as error:
        raise ValueError(f"--policy: {options.policy!r} cannot play in this world: {error}") from None
    return env, driver
