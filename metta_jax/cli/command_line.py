"""What all commands share: the parser, exit codes, and how mistakes are told."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from metta_jax import __version__
from metta_jax.cli import (
    analyze,
    bench,
    dashboard,
    evaluate,
    info,
    maps,
    monitor,
    play,
    replay,
    stats,
    train,
    validate,
    worlds,
)
from metta_jax.cli.parser import Parser

_COMMANDS = (train, evaluate, replay, play, worlds, maps, validate, bench, stats, analyze, dashboard, monitor, info)

_EPILOG = """\
a first tour:
  metta-jax worlds                                       what there is to play
  metta-jax train forage --run-dir out/forage --total-timesteps 1e6
  metta-jax eval out/forage/checkpoints --suite simple   scores, as JSON
  metta-jax replay make out/forage/checkpoints           an episode, as a page that plays it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code.

    0: done. 2: a mistake of the user, told in one line on standard error. 130: ended by control-C.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"metta-jax: {_one_line(message)}\n"
    try:
        return options.run(options) or 0
    except BrokenPipeError:  # `metta-jax worlds | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("metta-jax: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        parser.exit(2, f"metta-jax: {place}{_one_line(error.strerror or error)}\n")
    except ValueError as error:
        parser.exit(2, f"metta-jax: {_one_line(error)}\n")
    finally:
        warnings.formatwarning = before


def _parser() -> Parser:
    parser = Parser(prog="metta-jax", description="MettaGrid and its training API in JAX.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"metta-jax {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="<command>")
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _one_line(message: object) -> str:
    """Problems of a configuration come one a line."""
    first, *others = (line.strip() for line in str(message).splitlines() or [""])
    return f"{first} {'; '.join(others)}".strip()
