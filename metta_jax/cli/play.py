"""`metta-jax play`."""

from __future__ import annotations

import argparse
import asyncio
import webbrowser
from typing import Any

import jax

from metta_jax.cli.parser import seed
from metta_jax.viewer.live_game import LiveGame
from metta_jax.viewer.live_terminal import play_in_terminal
from metta_jax.worlds.environment import Environment


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    play = commands.add_parser("play", help="play a world by hand, in the browser or the terminal")
    play.add_argument("name", nargs="?", default="default", help="a world (default: %(default)s)")
    play.add_argument("--seed", type=seed, default=0, help="of the map and the orders (default: %(default)s)")
    play.add_argument("--terminal", action="store_true", help="in this terminal")
    play.add_argument("--port", type=int, default=0, help="of the page on this machine (default: a free one)")
    play.add_argument("--no-open", action="store_true", help="only print the address of the page")
    play.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    env = Environment(options.name, seed=options.seed, num_maps=16)
    game = LiveGame(env.mettagrid, jax.random.key(options.seed))
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
