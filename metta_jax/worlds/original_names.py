"""The original's paths that are not names here: what they stand for, or why there is no such world."""

from __future__ import annotations

import re

_MOVED = (
    (re.compile(r"multiagent/experiments/(?!(defaults|varied_terrain)$)"), "multiagent/"),
    (re.compile(r"multiagent/multiagent/boxshare$"), "multiagent/boxshare"),
    (re.compile(r"navigation/training/defaults$"), "navigation/training/terrain_from_numpy"),
    # Sampling curricula redraw the sampled numbers of one world for each episode. This one has none: what changes from
    # episode to episode is the map, and that does so anyway.
    (re.compile(r"curriculum/simple$"), "simple"),
)
_NO_WORLDS = (
    (re.compile(r"game/"), "a part of the original's files, of which its worlds are composed; no world by itself"),
    (re.compile(r"mettagrid$"), "the rules that the original's worlds share; without a map, no world by itself"),
    (
        re.compile(r"(.+)/(defaults|\w+_defaults|varied_terrain)$"),
        r"a template of the original's, which leaves its map open; worlds.list() has those made of it, as \1/...",
    ),
)


def original_name(name: str) -> str:
    """Our name for a path of the original's, without `env/mettagrid/`; any other name is returned unchanged."""
    for pattern, replacement in _MOVED:
        if pattern.match(name):
            return pattern.sub(replacement, name)
    return name


def why_no_world(name: str) -> str | None:
    """Why there is no world of this name, if it is one of the original's paths that none can have."""
    for pattern, reason in _NO_WORLDS:
        found = pattern.match(name)
        if found is not None:
            return found.expand(reason)
    return None
