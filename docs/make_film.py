"""A GIF of a replay, for README.md: `python docs/make_film.py REPLAY docs/images/forage.gif`."""

from __future__ import annotations

import argparse
from pathlib import Path

from metta_jax.viewer import draw_episode, read_replay
from metta_jax.viewer.images import save_gif


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("replay", type=Path)
    parser.add_argument("film", type=Path)
    parser.add_argument("--steps", type=int, nargs=2, default=(0, 120), help="first, and one after the last")
    parser.add_argument("--cell-pixels", type=int, default=12)
    parser.add_argument("--speed", type=float, default=12, help="steps per second")
    args = parser.parse_args()
    pictures = draw_episode(read_replay(args.replay), range(*args.steps), cell_pixels=args.cell_pixels)
    path = save_gif(pictures, args.film, steps_per_second=args.speed)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
