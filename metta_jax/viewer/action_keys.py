"""Readable names of actions, and the keys that play them, in the page and in the terminal.

Arrows and the glyph are not in the table of keys: what they play depends on the agent.
"""

from collections.abc import Sequence

from metta_jax.mettagrid.actions import ACTIONS

_KEYS = {
    " ": ("noop", 0), "b": ("move", 1), "g": ("get_items", 0), "t": ("put_items", 0), "a": ("attack", 0),
    **{str(1 + k): ("attack", k) for k in range(9)}, "s": ("swap", 0), "c": ("change_color", 0),
}  # fmt: skip

ACTION_OF_KEY = {key: (ACTIONS[name].reported_name, argument) for key, (name, argument) in _KEYS.items()}
"""Key -> reported name and argument of its action. Keys are characters, as browsers and terminals name them."""

KEY_HELP = tuple(
    (keys, effect, ACTIONS[name].reported_name)
    for keys, effect, name in (
        ("b", "step back", "move"), ("space", "wait", "noop"), ("g", "take", "get_items"), ("t", "put", "put_items"),
        ("a 1-9", "attack", "attack"), ("s", "swap", "swap"), ("c", "next color", "change_color"),
        ("y", "next glyph", "change_glyph"),
    )
)  # fmt: skip
"""What a person reads about them, and about the glyph: keys with spaces between, what they do, the action's name."""

# By argument. An attack's argument counts the agents in reach, from the nearest on: it names no cell.
_NEAREST = ("the nearest", "the 2nd", "the 3rd", *(f"the {k}th" for k in range(4, 10)))
_WORDS: dict[str, tuple[str, ...]] = {
    "noop": ("wait",),
    "move": ("walk ahead", "step back"),
    "rotate": ("rotate up", "rotate down", "rotate left", "rotate right"),
    "put_items": ("put items in",),
    "get_items": ("take items out",),
    "attack": tuple(f"attack {which} in reach" for which in _NEAREST),
    "swap": ("swap places",),
    "change_color": ("color + 1", "color - 1", "color + 63", "color - 63"),
}
ACTION_WORDS = {name: words for key, words in _WORDS.items() for name in (key, ACTIONS[key].reported_name)}
"""Name of an action, as configurations and as replays have it -> what it does, by argument."""


def action_words(names: Sequence[str], action_type: int, argument: int) -> str:
    """Describe an action in words: `rotate down`. Without words, show its name or number, and its argument."""
    if not 0 <= action_type < len(names):
        return f"type {action_type}, {argument}"
    words = ACTION_WORDS.get(names[action_type], ())
    return words[argument] if 0 <= argument < len(words) else f"{names[action_type]} {argument}"


def keys_for(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The lines of `KEY_HELP` for a game that has these actions: keys, and what they do."""
    return tuple((keys, effect) for keys, effect, name in KEY_HELP if name in names)
