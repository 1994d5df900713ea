"""The arguments of `metta-jax monitor`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import late, place, positive, seconds

_EXAMPLE = """\
example:
  HEARTBEAT_FILE=out/alive metta-jax train forage &
  metta-jax monitor out/alive --pid $!
"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "monitor",
        help="end a run whose heartbeat has stopped",
        description="Waits until a process ends, or until its heartbeat file is too old; then ends its process group."
        "\nExit code 0: the process ended by itself. 1: this command ended it.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("file", type=place, help="what HEARTBEAT_FILE names in the environment of the run")
    parser.add_argument("--pid", type=positive, required=True, help="the process")
    parser.add_argument("--timeout", type=seconds, default=600.0, help="maximum age in seconds (default: %(default)s)")
    parser.add_argument("--interval", type=seconds, default=60.0, help="seconds between checks (default: %(default)s)")
    parser.set_defaults(run=late("metta_jax.cli.monitor"))
