"""The pictures of docs/worlds: `python docs/make_worlds.py`. Worlds whose maps look like others' are left out."""

from __future__ import annotations

from pathlib import Path

from metta_jax import worlds
from metta_jax.worlds.gallery import write_gallery

# Their maps are those of navigation and memory, or look like those of a world that is here.
LEFT_OUT = ("navigation_sequence/", "systematic_exploration_memory/", "extended_sequence/")
ALIKE = ("_easy", "_easy_shaped", "_poor")


def main() -> None:
    names = [name for name in worlds.list() if not name.startswith(LEFT_OUT)]
    names = [name for name in names if not (name.startswith("arena/") and name.endswith(ALIKE))]
    names.sort(key=lambda name: ("/" in name, name))  # single worlds first, then family by family
    print(write_gallery(Path(__file__).parent / "worlds", names, pixels=200))


if __name__ == "__main__":
    main()
