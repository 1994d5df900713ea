"""`metta-jax play`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import webbrowser
from pathlib import Path
from typing import Any

import jax

from metta_jax.cli.own_world import own_world
from metta_jax.viewer.live_game import LiveGame, PolicyFn
from metta_jax.viewer.live_terminal import play_in_terminal
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.source import world_name


def run(options: argparse.Namespace) -> None:
    if options.terminal and not sys.stdin.isatty():
        raise ValueError("--terminal: standard input is not a terminal")
    with jax.default_device(options.device):  # of the game and of the policy
        _play(options)


def _play(options: argparse.Namespace) -> None:
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
        asyncio.run(serve_game(game, port=options.port, ready_fn=ready, title=f"{_world_name(options)} · live play"))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise ValueError(f"--port: {options.port}: {error.strerror}") from None


def _world_name(options: argparse.Namespace) -> str:
    """What the page calls the world: its name, or that of the run whose policy plays."""
    if options.world is None and options.policy is not None:
        return Path(options.policy).name
    return world_name("default" if options.world is None else options.world)


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
