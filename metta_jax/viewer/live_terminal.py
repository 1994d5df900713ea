"""Plays a live game in a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from metta_jax.viewer.live_game import LiveGame
from metta_jax.viewer.terminal import TerminalScreen
from metta_jax.viewer.text import human

HELP = (
    "arrows turn, then walk · b back · space wait · g take · t put · a 1-9 attack · s swap · c color · y glyph"
    " · n p agent · q quit"
)
ORIENTATION_OF_KEY = {"up": 0, "down": 1, "left": 2, "right": 3}
_ACTION_OF_KEY = {
    " ": ("noop", 0), "b": ("move", 1), "g": ("get_output", 0), "t": ("put_recipe_items", 0), "a": ("attack", 0),
    "s": ("swap", 0), "c": ("change_color", 0), **{str(i): ("attack", i - 1) for i in range(1, 10)},
}  # fmt: skip
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}


def play_in_terminal(game: LiveGame, *, keys: Iterable[str] | None = None, stream: TextIO | None = None) -> None:
    """Shows the world and plays one step for every key, until `q`.

    Args:
      game: the world.
      keys: names of keys; None: those that are pressed on standard input, which must be a terminal.
      stream: where the world is drawn; None: standard output.
    """
    hand, said = 0, ""
    with TerminalScreen(stream) as screen:
        screen.show(picture(game, hand, HELP))
        for key in read_keys(sys.stdin.fileno()) if keys is None else keys:
            if key in ("q", "\x03", "\x04"):
                return
            if key in ("n", "p"):
                hand = (hand + (1 if key == "n" else -1)) % game.env.num_agents
            action = action_of_key(game.env.action_names, _agent(game, hand), key)
            if action is not None:
                messages = game.play({hand: action})
                said = " ".join(message["message"] for message in messages if message["type"] == "message")
            screen.show(picture(game, hand, said or HELP))


def picture(game: LiveGame, hand: int, note: str) -> str:
    """The world, a line about the agent in hand, and a note."""
    objects = game.objects()
    agent = _agent(game, hand)
    name, argument = agent["action"]
    names = game.env.action_names
    did = f"{names[name]} {argument}" if 0 <= name < len(names) else "nothing"
    held = ", ".join(f"{amount} {key[4:]}" for key, amount in agent.items() if key.startswith("inv:") and amount > 0)
    facing = list(ORIENTATION_OF_KEY)[agent["orientation"]]
    frozen = f" · frozen, {agent['frozen']} left" if agent["frozen"] else ""
    status = (
        f"step {game.step} · agent {hand} faces {facing} · {did} {'✓' if agent['action_success'] else '✗'}"
        f" · reward {agent['total_reward']:g} · {held or 'holds nothing'}{frozen}"
    )
    return f"{human(objects)}\n\n{status}\n{note}"


def action_of_key(names: tuple[str, ...], agent: Mapping[str, Any], key: str) -> tuple[int, int] | None:
    """Type and argument of the action that a key means for an agent; None if it means none that the game has."""
    if key in ORIENTATION_OF_KEY:
        orientation = ORIENTATION_OF_KEY[key]
        name, argument = ("move", 0) if agent["orientation"] == orientation else ("rotate", orientation)
    elif key == "y":
        name, argument = "change_glyph", agent.get("agent:glyph", 0) + 1
    else:
        name, argument = _ACTION_OF_KEY.get(key, ("", 0))
    return (names.index(name), argument) if name in names else None


def read_keys(descriptor: int) -> Iterator[str]:
    """Keys as they are pressed on a terminal, arrows by their names; its settings are put back at the end."""
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
