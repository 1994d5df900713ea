"""`metta-jax monitor`: ends a run that gives no sign of life any more."""

from __future__ import annotations

import argparse
from typing import Any

from metta_jax.cli.parser import place, positive, seconds
from metta_jax.monitor import watch_heartbeat

_EXAMPLE = """\
example:
  HEARTBEAT_FILE=out/alive metta-jax train forage &
  metta-jax monitor out/alive --pid $!
"""


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser(
        "monitor",
        help="end a run whose heartbeat stays away",
        description="Waits until a process ends, or until the file into which it writes its heartbeat is too old; then "
        "ends its\nprocess group. Exit code 0: the process ended by itself. 1: it was ended here.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("file", type=place, help="what HEARTBEAT_FILE names in the environment of the run")
    parser.add_argument("--pid", type=positive, required=True, help="the process")
    parser.add_argument("--timeout", type=seconds, default=600.0, help="greatest age in seconds (default: %(default)s)")
    parser.add_argument("--interval", type=seconds, default=60.0, help="seconds between looks (default: %(default)s)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    was_ended = watch_heartbeat(options.file, options.pid, timeout_s=options.timeout, interval_s=options.interval)
    print(f"process {options.pid} {'was ended: no heartbeat' if was_ended else 'ended by itself'}")
    return int(was_ended)
