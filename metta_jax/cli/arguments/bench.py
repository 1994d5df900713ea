"""The arguments of `metta-jax bench`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import add_device, add_import, late, place, size


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "bench",
        help="agent steps a second, and compile time",
        description="Times steps with random actions, including auto-reset; with --train, whole training steps. Rates "
        "are medians.\nFor more benchmarks and comparisons, see benchmarks/ in the repository.",
    )
    parser.add_argument("world", nargs="?", default="default", help="a world's name or file (default: %(default)s)")
    parser.add_argument("--num-envs", type=size, default=64, help="environments in the batch (default: %(default)s)")
    parser.add_argument("--num-steps", type=size, default=100, help="steps of one timed call (default: %(default)s)")
    parser.add_argument("--rounds", type=size, default=5, help="timed calls (default: %(default)s)")
    parser.add_argument("--train", action="store_true", help="time `train_step` of a run with the agent `fast`")
    add_device(parser)
    add_import(parser)
    parser.add_argument("--json", type=place, help="also write the results to this file")
    parser.set_defaults(run=late("metta_jax.cli.bench"))
