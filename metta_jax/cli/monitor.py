"""`metta-jax monitor`: ends a run whose heartbeat has stopped."""

from __future__ import annotations

import argparse

from metta_jax.monitor import watch_heartbeat


def run(options: argparse.Namespace) -> int:
    was_ended = watch_heartbeat(options.file, options.pid, timeout_s=options.timeout, interval_s=options.interval)
    print(f"process {options.pid} {'was ended: no heartbeat' if was_ended else 'ended by itself'}")
    return int(was_ended)
