"""Plays a live game in a terminal."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from metta_jax.viewer.action_keys import ACTION_OF_KEY, action_words, keys_for
from metta_jax.viewer.live_game import LiveGame
from metta_jax.viewer.terminal import TerminalScreen
from metta_jax.viewer.text import human

ORIENTATION_OF_KEY = {"up": 0, "down": 1, "left": 2, "right": 3}
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}


def play_in_terminal(game: LiveGame, *, keys: Iterable[str] | None = None, stream: TextIO | None = None) -> None:
    """Show the world and play one step for every key, until `q`.

    Args:
      game: the world.
      keys: names of keys; None: those that are pressed on standard input, which must be a terminal.
      stream: where the world is drawn; None: standard output. On a terminal, as much is shown as fits.
    """
    hand, note = 0, f"{'; '.join(game.goal())}\n{help_of(game.env.action_names)}"
    with TerminalScreen(stream) as screen:
        screen.show(picture(game, hand, note, screen.size))
        for key in read_keys(sys.stdin.fileno()) if keys is None else keys:
            if key in ("q", "\x03", "\x04"):
                return
            if key in ("n", "p"):
                hand = (hand + (1 if key == "n" else -1)) % game.env.num_agents
            said = ""
            action = action_of_key(game.env.action_names, _agent(game, hand), key)
            if action is not None:
                messages = game.play({hand: action})
                said = " ".join(message["message"] for message in messages if message["type"] == "message")
            screen.show(picture(game, hand, said or help_of(game.env.action_names), screen.size))


def help_of(names: tuple[str, ...]) -> str:
    """The keys that do something in a game with these actions."""
    parts = [f"{keys} {effect}" for keys, effect in keys_for(names)]
    return " · ".join(("arrows turn, then walk", *parts, "n p agent", "q quit"))


def picture(game: LiveGame, hand: int, note: str, size: tuple[int, int] | None = None) -> str:
    """Draw the world, a line about the controlled agent, and a note; of a large world only its surroundings.

    Args:
      size: columns and lines of the terminal; None: show everything.
    """
    agent = _agent(game, hand)
    did = action_words(game.env.action_names, *agent["action"])
    held = ", ".join(f"{amount} {key[4:]}" for key, amount in agent.items() if key.startswith("inv:") and amount > 0)
    facing = list(ORIENTATION_OF_KEY)[agent["orientation"]]
    frozen = f" · frozen, {agent['frozen']} left" if agent["frozen"] else ""
    status = (
        f"step {game.step} · agent {hand} faces {facing} · {did} {'✓' if agent['action_success'] else '✗'}"
        f" · reward {agent['total_reward']:g} · {held or 'holds nothing'}{frozen}"
    )
    lines = [status, *note.splitlines()]
    most = None
    if size is not None:
        columns, rows = size
        lines = [part for line in lines for part in textwrap.wrap(line, max(columns - 1, 20))]
        most = max(rows - len(lines) - 2, 1), columns  # an empty line, and the one that the cursor is on
    world = human(game.objects(), around=(agent["r"], agent["c"]), most=most)
    return "\n".join([world, "", *lines])


def action_of_key(names: tuple[str, ...], agent: Mapping[str, Any], key: str) -> tuple[int, int] | None:
    """Type and argument of the action that a key means for an agent; None if it means none that the game has."""
    if key in ORIENTATION_OF_KEY:
        orientation = ORIENTATION_OF_KEY[key]
        name, argument = ("move", 0) if agent["orientation"] == orientation else ("rotate", orientation)
    elif key == "y":
        name, argument = "change_glyph", agent.get("agent:glyph", 0) + 1
    else:
        name, argument = ACTION_OF_KEY.get(key, ("", 0))
    return (names.index(name), argument) if name in names else None


def read_keys(descriptor: int) -> Iterator[str]:
    """Keys as they are pressed on a terminal, arrows by their names; the settings are restored at the end."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # what was typed ahead counts
        while pressed := os.read(descriptor, 1):
            if pressed == b"\x1b":
                # An arrow is three bytes that arrive together: escape, [ or O, and a letter.
                os.read(descriptor, 1)
                yield _ARROWS.get(os.read(descriptor, 1), "")
            else:
                yield pressed.decode("ascii", errors="replace")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _agent(game: LiveGame, index: int) -> dict[str, Any]:
    return next(thing for thing in game.objects() if thing.get("agent_id") == index)
