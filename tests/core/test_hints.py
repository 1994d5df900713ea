"""Hints for names that do not exist."""

from __future__ import annotations

from metta_jax.core.hints import hint, listing, near_misses, suggestion

KNOWN = ("battery", "heart", "ore")


def test_the_nearest_name_is_suggested() -> None:
    assert suggestion("hart", KNOWN) == " (did you mean 'heart'?)"
    assert suggestion("qqq", KNOWN) == ""
    assert suggestion(3, KNOWN) == ""


def test_without_a_near_name_all_are_listed() -> None:
    assert hint("hart", KNOWN) == " (did you mean 'heart'?)"
    assert hint("qqq", iter(KNOWN)) == "; there are battery, heart, ore"
    assert hint("qqq", ()) == "; there are none"


def test_a_long_list_is_cut() -> None:
    assert listing(["a", "b", "c"], most=3) == "a, b, c"
    assert listing(["a", "b", "c", "d", "e"], most=3) == "a, b, c and 2 more"
    assert listing([]) == "none"


def test_all_near_misses_are_named_or_the_nearest_one() -> None:
    worlds = ("arena/basic", "arena/basics", "forage")
    assert near_misses("arena/basik", worlds) == "did you mean 'arena/basic' or 'arena/basics'?"
    assert near_misses("forest", worlds) == "did you mean 'forage'?"
    assert near_misses("xyz", worlds) == ""
