"""What all commands share: the parser, exit codes, and how mistakes are told."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence

from jax.errors import JaxRuntimeError

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

_NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")  # how XLA says it, on its devices

_EPILOG = """\
a first tour:
  metta-jax worlds                                       what there is to play
  metta-jax train forage --run-dir out/forage --total-timesteps 1e6
  metta-jax eval out/forage/checkpoints --suite simple   scores, as JSON
  metta-jax replay make out/forage/checkpoints           an episode, as a page that plays it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """`metta_jax.cli.main`, when everything is loaded."""
    parser = _parser()
    options = parser.parse_args(arguments)
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"metta-jax: {_one_line(message)}\n"
    try:
        code = options.run(options) or 0
        sys.stdout.flush()  # what cannot be written is a mistake too, and Python would tell it later, in its own words
        return code
    except BrokenPipeError:  # `metta-jax worlds | head`
        _forget_output()
        return 0
    except KeyboardInterrupt:
        print("metta-jax: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        problem = _one_line(error.strerror or error)
        if error.errno == errno.ENOSPC:
            _forget_output()  # it may be standard output that is full
        parser.exit(2, f"metta-jax: {place}{problem}\n")
    except (ValueError, ImportError) as error:  # ImportError: a package that only some users want
        parser.exit(2, f"metta-jax: {_one_line(error)}\n")
    except (MemoryError, JaxRuntimeError) as error:
        if isinstance(error, JaxRuntimeError) and not any(words in str(error) for words in _NO_MEMORY):
            raise
        parser.exit(2, f"metta-jax: there is not enough memory for that: {_one_line(error) or 'fewer, or smaller'}\n")
    finally:
        warnings.formatwarning = before


def _parser() -> Parser:
    parser = Parser(prog="metta-jax", description="MettaGrid and its training API in JAX.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"metta-jax {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="<command>")
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _forget_output() -> None:
    """Nothing is written to standard output any more, or Python would try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(message: object) -> str:
    """Problems of a configuration come one a line."""
    first, *others = [line.strip() for line in str(message).splitlines() if line.strip()] or [""]
    return f"{first} {'; '.join(others)}".strip()
