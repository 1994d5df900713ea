"""What all commands share: the parser, exit codes, and how mistakes are reported."""

from __future__ import annotations

import errno
import importlib
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from metta_jax import __version__
from metta_jax.cli.arguments import (
    analyze,
    bench,
    dashboard,
    evaluate,
    info,
    monitor,
    play,
    replay,
    stats,
    sweep,
    train,
    worlds,
)
from metta_jax.cli.loading import leaves_at_once
from metta_jax.cli.output import escaped_output, flush_output, forget_output
from metta_jax.cli.parser import Parser, load_modules

Add: TypeAlias = Callable[[Any], None]


def _heavy(module: str, name: str, about: str) -> tuple[str, Add, Add]:
    """A command that declares its arguments in its own module, which is loaded only if the command is used."""

    def mention(commands: Any) -> None:
        commands.add_parser(name, help=about)

    def add(commands: Any) -> None:
        with leaves_at_once():
            loaded = importlib.import_module(module)
        loaded.add(commands)

    return name, mention, add


# Name, how to add it to the list of all commands, how to add it to parse its arguments.
COMMANDS: tuple[tuple[str, Add, Add], ...] = (
    ("train", train.add, train.add),
    ("sweep", sweep.add, sweep.add),
    ("eval", evaluate.add, evaluate.add),
    ("replay", replay.add, replay.add),
    ("play", play.add, play.add),
    ("worlds", worlds.add, worlds.add),
    _heavy("metta_jax.cli.maps", "map", "make maps as text files, show them, rewrite their symbols"),
    _heavy("metta_jax.cli.validate", "validate", "check a world, a curriculum, a configuration file, or all worlds"),
    ("bench", bench.add, bench.add),
    ("stats", stats.add, stats.add),
    ("analyze", analyze.add, analyze.add),
    ("dashboard", dashboard.add, dashboard.add),
    ("monitor", monitor.add, monitor.add),
    ("info", info.add, info.add),
)

_EPILOG = """\
a first tour:
  metta-jax worlds                                       what there is to play
  metta-jax train forage --preset laptop --total-timesteps 1e6 --run-dir out/forage
  metta-jax eval out/forage --world forage               scores, as JSON
  metta-jax replay make out/forage                       an episode, as a page that plays it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """`metta_jax.cli.main`, when everything is loaded."""
    with escaped_output():
        return _main(arguments)


def parse(arguments: Sequence[str] | None = None) -> tuple[Parser, Namespace]:
    """The parser and the parsed arguments; None: those of the process."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser(next((text for text in arguments if not text.startswith("-")), ""))
    if not arguments:
        parser.print_help()
        raise SystemExit(0)
    return parser, parser.parse_args(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    parser, options = parse(arguments)
    options.arguments = sys.argv[1:] if arguments is None else list(arguments)
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"metta-jax: {_one_line(message)}\n"
    try:
        load_modules([*getattr(options, "imports", ()), *getattr(options, "outer_imports", ())])
        code = options.run(options) or 0
        flush_output()  # failing to write is an error too, which Python would report later, in its own words
        return code
    except BrokenPipeError:  # `metta-jax worlds | head`
        forget_output()
        return 0
    except KeyboardInterrupt:
        print("metta-jax: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        problem = _one_line(error.strerror or error)
        if error.errno == errno.ENOSPC:
            forget_output()  # it may be standard output that is full
        parser.exit(2, f"metta-jax: {place}{problem}\n")
    except (ValueError, ImportError) as error:  # ImportError: a package that only some users want
        parser.exit(2, f"metta-jax: {_one_line(error)}\n")
    except (MemoryError, RuntimeError) as error:  # XLA has a RuntimeError of its own
        from metta_jax.rl.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        parser.exit(2, f"metta-jax: there is not enough memory for that: {_one_line(error) or 'fewer, or smaller'}\n")
    finally:
        warnings.formatwarning = before


def _parser(chosen: str) -> Parser:
    """A parser for one command; the others are only listed."""
    parser = Parser(prog="metta-jax", description="MettaGrid and its training API in JAX.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"metta-jax {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="<command>")
    for name, mention, add in COMMANDS:
        (add if name == chosen else mention)(commands)
    return parser


def _one_line(message: object) -> str:
    """Problems of a configuration come one a line."""
    first, *others = [line.strip() for line in str(message).splitlines() if line.strip()] or [""]
    return f"{first} {'; '.join(others)}".strip()
